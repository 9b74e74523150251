package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// findings are what a run measured.
type findings struct {
	machine
	series  []*series
	watched []*watched
	durable []*durable
	traced  []*traced
	curves  []*curve
	wrong   []error // what could not be measured, and answers that were not as they should be
}

// chartDir is where charts are, beside the report.
const chartDir = "docs/bench"

// measureAll does what is planned, ends what it started and writes the report.
func (b *bed) measureAll(p plan) error {
	f := b.findings(p)
	b.stop()
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if err := f.machine.end(); err != nil {
		return err
	}
	f.wrong = b.wrong
	text := f.report(b.o)
	fmt.Print(text)
	if b.o.out != "" {
		if err := f.write(b.o.out, text); err != nil {
			return err
		}
	}
	return errors.Join(b.wrong...)
}

// findings measures one thing after the other. What can't be measured does not keep the rest from it.
func (b *bed) findings(p plan) *findings {
	f := &findings{machine: b.machine}
	for _, c := range p.comparisons {
		try(b, &f.series, c.name+", "+c.setting.String(), func() (*series, error) { return b.series(c) })
	}
	for _, w := range p.watched {
		try(b, &f.watched, w.name+", watched", func() (*watched, error) { return b.watched(w) })
	}
	for _, c := range p.syscalls {
		try(b, &f.traced, c.name+", system calls", func() (*traced, error) { return b.countSyscalls(c) })
	}
	if p.journal {
		for _, n := range []int{b.o.connections, 4 * b.o.connections} {
			try(b, &f.durable, "journal, "+plural(n, "connection"), func() (*durable, error) { return b.durable(n) })
		}
	}
	if p.growth {
		g := b.o.growthPlan()
		try(b, &f.curves, "more backends", func() (*curve, error) { return b.growBackends(g) })
		try(b, &f.curves, "more connections", func() (*curve, error) { return b.growConnections(g) })
		try(b, &f.curves, "longer bodies", func() (*curve, error) { return b.growBodies(g) })
		try(b, &f.curves, "more owed writes", func() (*curve, error) { return b.growOwed(g) })
	}
	return f
}

// try appends what it measures to all, or notes why it could not be.
func try[T any](b *bed, all *[]T, what string, measure func() (T, error)) {
	if b.ctx.Err() != nil {
		return
	}
	v, err := measure()
	if err != nil {
		err = fmt.Errorf("not measured: %s: %w", what, err)
		b.wrong = append(b.wrong, err)
		b.say("%v", err)
		return
	}
	*all = append(*all, v)
}

// write makes the report's file and, beside it, the charts it shows.
func (f *findings) write(name, text string) error {
	dir := filepath.Join(filepath.Dir(name), filepath.FromSlash(chartDir))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the charts' directory: %w", err)
	}
	for file, drawn := range f.charts() {
		if err := os.WriteFile(filepath.Join(dir, file+".svg"), drawn, 0o644); err != nil {
			return fmt.Errorf("cannot write a chart: %w", err)
		}
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

func (f *findings) charts() map[string][]byte {
	all := map[string][]byte{}
	for _, b := range f.bars() {
		all[b.file] = b.draw()
	}
	for _, c := range f.curves {
		all[c.file] = c.draw()
	}
	return all
}

// bars are the charts of the comparisons, one for each kind of work.
func (f *findings) bars() []*bars {
	var all []*bars
	for _, s := range f.series {
		i := slices.IndexFunc(all, func(b *bars) bool { return b.file == s.name })
		if i < 0 {
			i = len(all)
			all = append(all, &bars{file: s.name, title: s.title, unit: "CPU µs per request"})
		}
		all[i].groups = append(all[i].groups, s.group())
	}
	return all
}

func (s *series) group() group {
	g := group{label: s.setting.String()}
	for i, p := range s.proxies {
		g.bars = append(g.bars, bar{p.label, s.column(i, cpu)})
	}
	return g
}
