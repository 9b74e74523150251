package main

import "fmt"

// growBackends measures reads and writes in front of more and more backends.
func (b *bed) growBackends(g growth) (*curve, error) {
	most := g.backends[len(g.backends)-1]
	if err := b.addBackends(most - len(b.backends)); err != nil {
		return nil, err
	}
	var proxies []*server
	for _, n := range g.backends {
		s, err := b.startTutti(flavour{label: fmt.Sprintf("%d backends", n), workers: b.o.workers, backends: addrs(b.backends[:n])})
		if err != nil {
			return nil, err
		}
		defer s.stop()
		proxies = append(proxies, s)
	}
	ofReads, ofWrites, memory := &line{label: "reads", fitted: true}, &line{label: "writes", fitted: true}, &line{label: "after both"}
	for _, k := range []struct {
		work
		*line
	}{{reads, ofReads}, {writes, ofWrites}} {
		for _, s := range proxies {
			if err := b.warm(s, k.work, b.o.connections); err != nil {
				return nil, err
			}
		}
		for round := range g.rounds {
			for i := range g.backends {
				i = (i + round) % len(g.backends)
				n := g.backends[i]
				m, err := b.measure(probe{
					server: proxies[i], work: k.work, connections: b.o.connections, duration: eachPoint, backends: b.backends[:n],
				})
				if err != nil {
					return nil, err
				}
				k.add(float64(n), cpu(m))
				b.say("%s, %d backends, round %d/%d  %6.1f µs CPU", k.name, n, round+1, g.rounds, cpu(m))
				if k.line == ofWrites && round == g.rounds-1 {
					memory.add(float64(n), mebibytes(m.peak))
				}
			}
		}
	}
	ofReads.sort()
	ofWrites.sort()
	memory.sort()
	return &curve{
		file: "backends", title: "More backends", x: "backends",
		about: fmt.Sprintf("%s. A read goes to one backend, a write to all of them.",
			setting{b.o.workers, b.o.connections}),
		panels: []panel{
			{"CPU µs per request", []*line{ofReads, ofWrites}},
			{"memory MiB, at most", []*line{memory}},
		},
	}, nil
}
