package main

import (
	"fmt"
	"os"
)

// series is a comparison's samples: a row per proxy, a column per round.
type series struct {
	comparison
	proxies []*server
	samples [][]sample
	loads   []string // the machine's load average before each round
}

// series measures every proxy once in each round, each round beginning with another.
func (b *bed) series(c comparison) (*series, error) {
	proxies, err := b.startPeers(c)
	defer func() {
		for _, p := range proxies {
			p.stop()
		}
	}()
	if err != nil {
		return nil, err
	}
	s := &series{comparison: c, proxies: proxies, samples: make([][]sample, len(proxies))}
	for _, p := range proxies {
		if err := b.warm(p, c.work, c.connections); err != nil {
			return nil, err
		}
	}
	for round := range b.o.rounds {
		s.loads = append(s.loads, loadAverage())
		for i := range proxies {
			k := (i + round) % len(proxies)
			m, err := b.measure(probe{
				server: proxies[k], work: c.work, connections: c.connections, duration: c.duration,
				profile: k == 0 && round == 0 && b.o.profile != "",
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", proxies[k].label, err)
			}
			s.samples[k] = append(s.samples[k], m)
			b.say("%s, %s, round %d/%d  %-12s %6.1f µs CPU  %7.0f/s  %d errors", c.name, c.setting, round+1, b.o.rounds,
				proxies[k].label, micros(m.cpuPerRequest), m.requestsPerSec, m.errors)
		}
	}
	return s, nil
}

// startPeers starts a comparison's proxies. It returns those that it started also with an error.
func (b *bed) startPeers(c comparison) ([]*server, error) {
	var proxies []*server
	for _, start := range c.peers {
		s, err := start(b, c.workers)
		if err != nil {
			return proxies, err
		}
		proxies = append(proxies, s)
	}
	return proxies, nil
}

// say tells on standard error how far we are.
func (b *bed) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%5.0fs  "+format+"\n", append([]any{b.elapsed().Seconds()}, args...)...)
}

// column is one figure of the i-th proxy, by round.
func (s *series) column(i int, f func(sample) float64) []float64 {
	var v []float64
	for _, m := range s.samples[i] {
		v = append(v, f(m))
	}
	return v
}

// ratios are Tutti's figure to the i-th proxy's, by round.
func (s *series) ratios(i int, f func(sample) float64) []float64 {
	ours, theirs := s.column(0, f), s.column(i, f)
	for r := range ours {
		ours[r] /= theirs[r]
	}
	return ours
}

// The figures of a sample that are compared.
var (
	cpu  = func(m sample) float64 { return micros(m.cpuPerRequest) }
	rate = func(m sample) float64 { return m.requestsPerSec }
	p50  = func(m sample) float64 { return millis(m.p50) }
	p99  = func(m sample) float64 { return millis(m.p99) }
)

func (s setting) String() string {
	return plural(s.workers, "worker") + ", " + plural(s.connections, "connection")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}

// grouped is n with its thousands apart.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
