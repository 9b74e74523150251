package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	p, err := b.startTutti()
	if err != nil {
		return nil, err
	}
	defer p.stop()
	if err := b.check(p, w); err != nil {
		return nil, err
	}
	if _, err := wrk(b.ctx, b.dir, p.addr, w, b.o.connections, time.Second); err != nil {
		return nil, err
	}
	s := &watched{work: w}
	for round := range b.o.rounds {
		for i := range 2 {
			if (i+round)%2 == 0 {
				m, err := b.measure(p, w, false)
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
	return s, nil
}

func (b *bed) measureWatched(p *server, s *watched) (sample, error) {
	ctx, stop := context.WithCancel(b.ctx)
	ended := make(chan error, 1)
	go func() { ended <- b.watch(ctx, p, &s.answers) }()
	m, err := b.measure(p, s.work, false)
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

func (s *watched) report(t *strings.Builder) {
	fmt.Fprintf(t, "\n## Watched: `%s %s`, Tutti alone, with and without the status page opened and /metrics scraped every second\n\n", s.method, s.path)
	fmt.Fprintf(t, "Medians over the rounds, (least–most); %d looks in all.\n\n", s.answers)
	t.WriteString("| | p50 ms | p99 ms | requests/s | CPU µs per request, the looks' included | errors |\n|---|---|---|---|---|---|\n")
	for _, row := range []struct {
		label   string
		samples []sample
	}{{"undisturbed", s.quiet}, {"watched", s.seen}} {
		var p50, p99, rate, cpu []float64
		var failed int64
		for _, m := range row.samples {
			p50, p99 = append(p50, m.p50.Seconds()*1e3), append(p99, m.p99.Seconds()*1e3)
			rate, cpu = append(rate, m.requestsPerSec), append(cpu, micros(m.cpuPerRequest))
			failed += m.errors
		}
		fmt.Fprintf(t, "| %s | %s | %s | %s | %s | %d |\n", row.label,
			span("%.2f", p50), span("%.2f", p99), span("%.0f", rate), span("%.1f", cpu), failed)
	}
}
