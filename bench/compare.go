package main

import (
	"fmt"
	"os"
	"slices"
	"time"
)

// sample is one proxy in one round.
type sample struct {
	load
	usage                  // cpu: used in this run
	reached        float64 // requests the backends answered, per request of the client
	cpuPerRequest  time.Duration
	requestsPerSec float64
}

// series is one kind of work: every proxy's samples, a column per round. The first is Tutti.
type series struct {
	work    work
	proxies []*server
	samples [][]sample // by proxy, by round
	loads   []string   // the machine's load average before each round
}

func (b *bed) compare() error {
	var all []*series
	var looked []*watched
	for _, w := range []work{reads, writes} {
		if b.o.only != "" && b.o.only != w.name {
			continue
		}
		s, err := b.series(w)
		if err != nil {
			return err
		}
		all = append(all, s)
		l, err := b.watched(w)
		if err != nil {
			return fmt.Errorf("watched %s: %w", w.name, err)
		}
		looked = append(looked, l)
	}
	text := b.report(all, looked)
	fmt.Print(text)
	if b.o.out != "" {
		if err := os.WriteFile(b.o.out, []byte(text), 0o644); err != nil {
			return fmt.Errorf("cannot write the report: %w", err)
		}
	}
	return b.right(all)
}

func (b *bed) startProxies(w work) ([]*server, error) {
	starts := []func() (*server, error){b.startTutti, b.startLua, b.startAiohttp}
	if w.name == reads.name {
		starts = []func() (*server, error){
			b.startTutti, b.startNginx,
			func() (*server, error) { return b.startHAProxy("http") },
			func() (*server, error) { return b.startHAProxy("tcp") },
		}
	}
	var proxies []*server
	for _, start := range starts {
		s, err := start()
		if err != nil {
			return nil, err
		}
		if err := b.check(s, w); err != nil {
			return nil, err
		}
		proxies = append(proxies, s)
	}
	return proxies, nil
}

// series measures every proxy once in each round, each round beginning with another.
func (b *bed) series(w work) (*series, error) {
	proxies, err := b.startProxies(w)
	if err != nil {
		return nil, err
	}
	s := &series{work: w, proxies: proxies, samples: make([][]sample, len(proxies))}
	for _, p := range proxies { // connections opened, memory grown, code warm
		if _, err := wrk(b.ctx, b.dir, p.addr, w, b.o.connections, time.Second); err != nil {
			return nil, fmt.Errorf("%s: %w", p.label, err)
		}
	}
	for round := range b.o.rounds {
		s.loads = append(s.loads, loadAverage())
		for i := range proxies {
			k := (i + round) % len(proxies)
			profiled := k == 0 && round == 0 && b.o.profile != ""
			m, err := b.measure(proxies[k], w, profiled)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", proxies[k].label, err)
			}
			s.samples[k] = append(s.samples[k], m)
			fmt.Fprintf(os.Stderr, "%s round %d/%d  %-12s %6.1f µs CPU  %7.0f/s  %d errors\n", w.name, round+1, b.o.rounds,
				proxies[k].label, micros(m.cpuPerRequest), m.requestsPerSec, m.errors)
		}
	}
	for _, p := range proxies {
		p.stop()
	}
	return s, nil
}

func (b *bed) measure(p *server, w work, profiled bool) (sample, error) {
	return b.measureWith(p, w, b.o.connections, profiled)
}

func (b *bed) measureWith(p *server, w work, connections int, profiled bool) (sample, error) {
	var m sample
	served, err := b.served()
	if err != nil {
		return m, err
	}
	before, err := p.usage()
	if err != nil {
		return m, err
	}
	profile := make(chan error, 1)
	if profiled {
		go func() { profile <- b.takeProfile(p) }()
	} else {
		profile <- nil
	}
	if m.load, err = wrk(b.ctx, b.dir, p.addr, w, connections, b.o.duration); err != nil {
		return m, err
	}
	if err := <-profile; err != nil {
		return m, err
	}
	if m.usage, err = p.usage(); err != nil {
		return m, err
	}
	m.cpu -= before.cpu
	now, err := b.served()
	if err != nil {
		return m, err
	}
	m.reached = float64(now-served) / float64(m.requests)
	m.cpuPerRequest = m.cpu / time.Duration(m.requests)
	m.requestsPerSec = float64(m.requests) / m.seconds
	return m, nil
}

// right tells whether every answer was, and whether each request reached as many backends as it should.
func (b *bed) right(all []*series) error {
	for _, s := range all {
		want := 1.0
		if s.work.name == writes.name {
			want = float64(b.o.backends)
		}
		for i, p := range s.proxies {
			for _, m := range s.samples[i] {
				// What wrk has under way when it ends is not in its count and may be repeated by a proxy.
				slack := float64(2*(b.o.connections+1)*b.o.backends) / float64(m.requests)
				if m.errors > 0 {
					return fmt.Errorf("%s of %s: %d of %d requests failed", s.work.name, p.label, m.errors, m.requests)
				}
				if m.reached < want-slack || m.reached > want+slack {
					return fmt.Errorf("%s of %s: each request reached %.3f backends, not %.0f", s.work.name, p.label, m.reached, want)
				}
			}
		}
	}
	return nil
}

func (b *bed) takeProfile(p *server) error {
	text, err := b.get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.admin, b.o.duration/time.Second))
	if err != nil {
		return fmt.Errorf("cannot take a profile: %w", err)
	}
	if err := os.WriteFile(b.o.profile, []byte(text), 0o644); err != nil {
		return fmt.Errorf("cannot write the profile: %w", err)
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// median of at least one value.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
