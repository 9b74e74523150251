package main

import (
	"fmt"
	"os"
	"slices"
	"time"
)

// probe is one run of wrk on one server.
type probe struct {
	server      *server
	work        work
	connections int
	duration    time.Duration
	backends    []*server // whose answers are counted; all when nil
	profile     bool
}

// sample is what a probe saw.
type sample struct {
	load
	usage                  // cpu: used in this run
	reached        float64 // requests the backends answered, per request of the client
	cpuPerRequest  time.Duration
	requestsPerSec float64
}

func (b *bed) measure(p probe) (sample, error) {
	var m sample
	if p.backends == nil {
		p.backends = b.backends
	}
	served, err := b.served(p.backends)
	if err != nil {
		return m, err
	}
	before, err := p.server.usage()
	if err != nil {
		return m, err
	}
	profile := make(chan error, 1)
	if p.profile {
		go func() { profile <- b.takeProfile(p.server, p.duration) }()
	} else {
		profile <- nil
	}
	if m.load, err = wrk(b.ctx, b.dir, p.server.addr, p.work, p.connections, p.duration); err != nil {
		return m, err
	}
	if err := <-profile; err != nil {
		return m, err
	}
	if m.usage, err = p.server.usage(); err != nil {
		return m, err
	}
	m.cpu -= before.cpu
	now, err := b.served(p.backends)
	if err != nil {
		return m, err
	}
	m.reached = float64(now-served) / float64(m.requests)
	m.cpuPerRequest = m.cpu / time.Duration(m.requests)
	m.requestsPerSec = float64(m.requests) / m.seconds
	b.judge(p, m)
	return m, nil
}

// judge notes what is wrong with the answers: not all right, or not from as many backends as they should be.
func (b *bed) judge(p probe, m sample) {
	want := 1.0
	if p.work.fanout {
		want = float64(len(p.backends))
	}
	// What wrk has under way when it ends is not in its count and may be repeated by a proxy.
	slack := float64(2*(p.connections+1)*len(p.backends)) / float64(m.requests)
	what := fmt.Sprintf("%s, %d connections, %s", p.work.title, p.connections, p.server.label)
	if m.errors > 0 {
		b.wrong = append(b.wrong, fmt.Errorf("%s: %d requests failed, %d were answered", what, m.errors, m.requests))
	}
	if m.reached < want-slack || m.reached > want+slack {
		b.wrong = append(b.wrong, fmt.Errorf("%s: each request reached %.3f backends, not %.0f", what, m.reached, want))
	}
}

// warm opens connections, lets memory grow and code get hot.
func (b *bed) warm(s *server, w work, connections int) error {
	if err := b.check(s, w); err != nil {
		return err
	}
	if _, err := wrk(b.ctx, b.dir, s.addr, w, connections, time.Second); err != nil {
		return fmt.Errorf("%s: %w", s.label, err)
	}
	return nil
}

func (b *bed) takeProfile(p *server, d time.Duration) error {
	text, err := b.get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.admin, d/time.Second))
	if err != nil {
		return fmt.Errorf("cannot take a profile: %w", err)
	}
	if err := os.WriteFile(b.o.profile, []byte(text), 0o644); err != nil {
		return fmt.Errorf("cannot write the profile: %w", err)
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func millis(d time.Duration) float64 { return d.Seconds() * 1e3 }

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

// median of at least one value.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
