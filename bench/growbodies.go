package main

import "fmt"

// growBodies measures reads with longer and longer answers, and writes with longer and longer bodies.
func (b *bed) growBodies(g growth) (*curve, error) {
	c := &curve{
		file: "bodies", title: "Longer bodies", x: "body KiB",
		about: fmt.Sprintf("%s, %s. A read's answer has the body, and passes through; a write's request has it, is held "+
			"until every backend has it, and goes to each.", setting{b.o.workers, b.o.connections}, plural(b.o.backends, "backend")),
		panels: []panel{{unit: "CPU µs per request"}, {unit: "memory MiB, at most"}},
	}
	behind := b.backends[:b.o.backends]
	for _, kind := range []struct {
		label string
		of    func(int) work
	}{{"reads", readOf}, {"writes", writeOf}} {
		took, memory := &line{label: kind.label, fitted: true}, &line{label: kind.label}
		var proxies []*server // one for each size, so that its memory is that size's
		for _, n := range g.bodies {
			s, err := b.startTutti(flavour{label: fmt.Sprintf("%d bytes", n), workers: b.o.workers, backends: addrs(behind)})
			if err != nil {
				return nil, err
			}
			defer s.stop()
			if err := b.warm(s, kind.of(n), b.o.connections); err != nil {
				return nil, err
			}
			proxies = append(proxies, s)
		}
		for round := range g.rounds {
			for i := range g.bodies {
				i = (i + round) % len(g.bodies)
				m, err := b.measure(probe{
					server: proxies[i], work: kind.of(g.bodies[i]), connections: b.o.connections, duration: eachPoint, backends: behind,
				})
				if err != nil {
					return nil, err
				}
				x := float64(g.bodies[i]) / 1024
				took.add(x, cpu(m))
				memory.add(x, mebibytes(m.peak))
				b.say("%s, %.0f KiB, round %d/%d  %6.1f µs CPU  %.0f MiB", kind.label, x, round+1, g.rounds, cpu(m), mebibytes(m.peak))
			}
		}
		c.panels[0].lines = append(c.panels[0].lines, took.sort())
		c.panels[1].lines = append(c.panels[1].lines, memory.sort())
		for _, s := range proxies {
			s.stop()
		}
	}
	return c, nil
}
