package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// longestOwed is when we give up making more writes owed.
const longestOwed = 4 * time.Minute

// growOwed writes to a journal while one of the backends is down, and measures while what that one is
// owed grows. Then it starts Tutti again with all of it.
func (b *bed) growOwed(g growth) (*curve, error) {
	dir, err := os.MkdirTemp(b.dir, "owed-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	down, err := freeAddr()
	if err != nil {
		return nil, err
	}
	behind := b.backends[:1] // what a write costs beside being owed is measured elsewhere
	how := flavour{
		workers: b.o.workers, backends: append(addrs(behind), down),
		flags: []string{"--journal=" + filepath.Join(dir, "j"), fmt.Sprintf("--ack=%d", len(behind)), "--log-level=error"},
	}
	s, err := b.startTutti(how)
	if err != nil {
		return nil, err
	}
	defer func() { s.stop() }()
	connections := 4 * b.o.connections
	took, memory := &line{label: "writes", fitted: true}, &line{label: "writes", fitted: true}
	c := &curve{
		file: "owed", title: "More owed writes", x: "owed writes",
		about: fmt.Sprintf("%s, `--journal`, %s of which one is down: the other answers, and the one is owed every write.",
			setting{b.o.workers, connections}, plural(len(behind)+1, "backend")),
		panels: []panel{{"CPU µs per write", []*line{took}}, {"memory MiB, at most", []*line{memory}}},
	}
	if err := b.warm(s, writes, connections); err != nil {
		return nil, err
	}
	owed, err := b.oweMore(s, down, connections, g, behind, took, memory)
	if err != nil {
		return nil, err
	}
	if owed < g.owed {
		c.notes = append(c.notes, fmt.Sprintf("%s were to be owed: given up after %s", plural(g.owed, "write"), longestOwed))
	}
	note, err := b.again(&s, how, down)
	c.notes = append(c.notes, note)
	return c, err
}

// oweMore measures again and again until enough is owed, and returns how much that is.
func (b *bed) oweMore(s *server, down string, connections int, g growth, behind []*server, took, memory *line) (int, error) {
	from := b.elapsed()
	for {
		before, err := b.owed(s, down)
		if err != nil {
			return 0, err
		}
		m, err := b.measure(probe{server: s, work: writes, connections: connections, duration: 3 * eachPoint, backends: behind})
		if err != nil {
			return 0, err
		}
		after, err := b.owed(s, down)
		if err != nil {
			return 0, err
		}
		took.add((before+after)/2, cpu(m))
		memory.add((before+after)/2, mebibytes(m.peak))
		b.say("%.0f owed writes  %6.1f µs CPU  %.0f MiB", after, cpu(m), mebibytes(m.peak))
		if after >= float64(g.owed) || b.elapsed()-from > longestOwed {
			return int(after), nil
		}
	}
}

func (b *bed) owed(s *server, backend string) (float64, error) {
	v, err := b.scrape(s, fmt.Sprintf("tutti_owed_writes{backend=%q}", backend))
	if err != nil {
		return 0, err
	}
	return v[0], nil
}

// again starts Tutti anew with what it owes, and says how that went.
func (b *bed) again(s **server, how flavour, down string) (string, error) {
	owed, err := b.owed(*s, down)
	if err != nil {
		return "", err
	}
	(*s).stop()
	begun := time.Now()
	if *s, err = b.startTutti(how); err != nil {
		return "", err
	}
	took := time.Since(begun)
	found, err := b.owed(*s, down)
	if err != nil {
		return "", err
	}
	u, err := (*s).usage()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("stopped with %s owed and started again, it accepted connections after %s, owed %s, and held %.0f MiB at most",
		grouped(int(owed)), took.Round(10*time.Millisecond), grouped(int(found)), mebibytes(u.peak)), nil
}
