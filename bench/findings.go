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
}

// chartDir is where charts are, beside the report.
const chartDir = "docs/bench"

// measureAll does what is planned, ends what it started and writes the report.
func (b *bed) measureAll(p plan) error {
	f, err := b.findings(p)
	if err != nil {
		return err
	}
	b.stop()
	if err := f.machine.end(); err != nil {
		return err
	}
	text := f.report(b.o)
	fmt.Print(text)
	if b.o.out != "" {
		if err := f.write(b.o.out, text); err != nil {
			return err
		}
	}
	return errors.Join(b.wrong...)
}

func (b *bed) findings(p plan) (*findings, error) {
	f := &findings{machine: b.machine}
	for _, c := range p.comparisons {
		s, err := b.series(c)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", c.name, c.setting, err)
		}
		f.series = append(f.series, s)
	}
	for _, w := range p.watched {
		l, err := b.watched(w)
		if err != nil {
			return nil, fmt.Errorf("watched %s: %w", w.name, err)
		}
		f.watched = append(f.watched, l)
	}
	for _, c := range p.syscalls {
		t, err := b.countSyscalls(c)
		if err != nil {
			return nil, fmt.Errorf("system calls of %s: %w", c.name, err)
		}
		f.traced = append(f.traced, t)
	}
	if p.journal {
		for _, n := range []int{b.o.connections, 4 * b.o.connections} {
			d := &durable{connections: n}
			if err := b.durable(d); err != nil {
				return nil, fmt.Errorf("journal, %d connections: %w", n, err)
			}
			f.durable = append(f.durable, d)
		}
	}
	if p.growth {
		var err error
		if f.curves, err = b.grow(); err != nil {
			return nil, err
		}
	}
	return f, nil
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
