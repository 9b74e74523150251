package main

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// settled is when a run's growth begins to count: pools and connections are there by then.
const settled = 5 * time.Second

// reading is Tutti at one moment of a soak.
type reading struct {
	at         time.Duration
	rss        int64
	goroutines int
}

// soak runs each route under load and wants no error and, from the fifth second on, no growth.
func (b *bed) soak() error {
	if b.o.soak < 2*settled {
		return fmt.Errorf("-soak is at least %s: growth counts from %s on", 2*settled, settled)
	}
	p, err := b.startTutti(flavour{workers: b.o.workers})
	if err != nil {
		return err
	}
	fmt.Print("# Tutti under load\n\n", b.machine, "\n")
	var failed []error
	for _, w := range []work{reads, writes} {
		if b.o.only != "" && b.o.only != w.name {
			continue
		}
		if err := b.check(p, w); err != nil {
			return err
		}
		if err := b.soakRoute(p, w); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", w.name, err))
		}
	}
	return errors.Join(failed...)
}

func (b *bed) soakRoute(p *server, w work) error {
	type result struct {
		load load
		err  error
	}
	ended := make(chan result, 1)
	begun := time.Now()
	go func() {
		l, err := wrk(b.ctx, b.dir, p.addr, w, b.o.connections, b.o.soak)
		ended <- result{l, err}
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var seen []reading
	for {
		select {
		case <-tick.C:
			r, err := b.read(p, time.Since(begun))
			if err != nil {
				<-ended
				return err
			}
			if r.at < b.o.soak { // afterwards the connections are gone
				seen = append(seen, r)
			}
		case r := <-ended:
			if r.err != nil {
				return r.err
			}
			legs := 0
			if w.fanout {
				legs = b.o.connections * len(b.backends)
			}
			return judgeSoak(w, r.load, seen, legs)
		}
	}
}

func (b *bed) read(p *server, at time.Duration) (reading, error) {
	u, err := p.usage()
	if err != nil {
		return reading{}, err
	}
	v, err := b.scrape(p, "go_goroutines")
	if err != nil {
		return reading{}, err
	}
	return reading{at, u.rss, int(v[0])}, nil
}

// judgeSoak compares the last third of the readings with what came between the fifth second and it. legs is
// how many goroutines may come at once when the machine pauses: they take over what the clients' wait for too long.
func judgeSoak(w work, l load, seen []reading, legs int) error {
	fmt.Printf("%s: %d requests, %.0f/s, p99 %s, %d errors\n", w.name, l.requests, float64(l.requests)/l.seconds, l.p99, l.errors)
	var early, late reading // the greatest of each
	for i, r := range seen {
		fmt.Fprintf(os.Stderr, "%s %4.0fs  %6.1f MiB  %d goroutines\n", w.name, r.at.Seconds(), float64(r.rss)/(1<<20), r.goroutines)
		switch {
		case r.at < settled:
		case i < len(seen)*2/3:
			early.rss, early.goroutines = max(early.rss, r.rss), max(early.goroutines, r.goroutines)
		default:
			late.rss, late.goroutines = max(late.rss, r.rss), max(late.goroutines, r.goroutines)
		}
	}
	fmt.Printf("%s: at most %.1f MiB and %d goroutines from %s on, %.1f MiB and %d at the end\n", w.name,
		float64(early.rss)/(1<<20), early.goroutines, settled, float64(late.rss)/(1<<20), late.goroutines)
	switch {
	case l.errors > 0:
		return fmt.Errorf("%d of %d requests failed", l.errors, l.requests)
	case early.rss == 0 || late.rss == 0:
		return errors.New("too few readings")
	case late.rss > early.rss+early.rss/10+(1<<20): // the collector's own swing
		return fmt.Errorf("memory grew from %d to %d bytes", early.rss, late.rss)
	case late.goroutines > early.goroutines+early.goroutines/20+2+legs: // two: the scrape's own
		return fmt.Errorf("goroutines grew from %d to %d", early.goroutines, late.goroutines)
	}
	return nil
}
