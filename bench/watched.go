package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// watched is one kind of work on Tutti alone, with and without somebody who watches it: in each round
// once undisturbed and once with the status page loaded and /metrics scraped every second.
type watched struct {
	work
	quiet, seen []sample // by round
	answers     int      // of the admin listener, in all rounds
}

// looks is what a browser that opens the status page asks for, and goes on asking, and a scrape.
var looks = []string{
	"/", "/-/page/page.css", "/-/page/page.js", "/-/page/icon.svg",
	"/-/status?history_after=0", "/-/writes?state=pending&limit=25", "/-/writes?state=parked&limit=25",
	"/metrics",
}

func (b *bed) watched(w work) (*watched, error) {
	p, err := b.startTutti(flavour{workers: b.o.workers})
	if err != nil {
		return nil, err
	}
	defer p.stop()
	if err := b.warm(p, w, b.o.connections); err != nil {
		return nil, err
	}
	s := &watched{work: w}
	for round := range min(b.o.rounds, 3) {
		for i := range 2 {
			if (i+round)%2 == 0 {
				m, err := b.measure(b.underLoad(p, w))
				if err != nil {
					return nil, err
				}
				s.quiet = append(s.quiet, m)
				continue
			}
			m, err := b.measureWatched(p, s)
			if err != nil {
				return nil, err
			}
			s.seen = append(s.seen, m)
		}
	}
	b.say("%s, watched %d times", w.name, s.answers)
	return s, nil
}

// underLoad is a probe with the flags' connections and duration.
func (b *bed) underLoad(p *server, w work) probe {
	return probe{server: p, work: w, connections: b.o.connections, duration: b.o.duration}
}

func (b *bed) measureWatched(p *server, s *watched) (sample, error) {
	ctx, stop := context.WithCancel(b.ctx)
	ended := make(chan error, 1)
	go func() { ended <- b.watch(ctx, p, &s.answers) }()
	m, err := b.measure(b.underLoad(p, s.work))
	stop()
	return m, errors.Join(err, <-ended)
}

// watch looks at once and then every second.
func (b *bed) watch(ctx context.Context, p *server, answers *int) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for _, target := range looks {
			if _, err := b.get("http://" + p.admin + target); err != nil {
				return fmt.Errorf("cannot watch: %w", err)
			}
			*answers++
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
