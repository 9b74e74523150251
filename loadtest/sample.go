package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// sample is one look at Tutti's metrics.
type sample struct {
	at                                 time.Duration // from the beginning
	accepted, settled, pending, parked float64
	backends                           []backendSample
}

// backendSample is a backend's part.
type backendSample struct {
	up                     bool
	owed, parked, oldest   float64
	retries, failed, taken float64
}

// balanced tells whether no write is missing from the books.
func (s sample) balanced() bool { return s.accepted == s.settled+s.pending+s.parked }

// scrape reads Tutti's metrics.
func (b *bed) scrape() (sample, error) {
	text, err := fetch("http://" + b.admin + "/metrics")
	if err != nil {
		return sample{}, fmt.Errorf("cannot scrape: %w", err)
	}
	return readSample(text, b.addrs)
}

func readSample(text string, addrs []string) (sample, error) {
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		name, number, ok := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(number, 64); ok && err == nil {
			values[name] = v
		}
	}
	var missing error
	get := func(name string) float64 {
		v, ok := values[name]
		if !ok {
			missing = fmt.Errorf("/metrics has no %s", name)
		}
		return v
	}
	s := sample{
		accepted: get("tutti_writes_accepted_total"), settled: get("tutti_writes_settled_total"),
		pending: get("tutti_writes_pending"), parked: get("tutti_writes_parked"),
	}
	for _, a := range addrs {
		of := func(name, label string) float64 { return get(name + "{" + label + "=" + strconv.Quote(a) + "}") }
		s.backends = append(s.backends, backendSample{
			up: of("tutti_backend_up", "backend") == 1, owed: of("tutti_owed_writes", "backend"),
			parked: of("tutti_parked_writes", "backend"), oldest: of("tutti_oldest_owed_seconds", "backend"),
			retries: of("tutti_retries_total", "backend"),
			failed:  of("target_domain_failed_counter_total", "domain"), taken: of("target_domain_success_counter_total", "domain"),
		})
	}
	return s, missing
}

// watch looks at Tutti twice a second and prints a line every second, until it is told to stop.
func watch(b *bed, r *recording, out io.Writer) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			s, err := b.scrape()
			if err != nil {
				say(out, "%v", err)
				continue
			}
			r.sampled(s)
			if n%2 == 0 {
				say(out, "%s", r.progress())
			}
		}
	}()
	return func() {
		close(over)
		<-done
	}
}
