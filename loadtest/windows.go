package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// window is the requests of one kind that began in a piece of the time.
type window struct {
	at            time.Duration // its middle
	rate          float64       // requests per second
	bad           float64       // of them, per second
	p50, p90, p99 time.Duration
}

// windows cuts the time into pieces; what remains in the end belongs to the last one.
func windows(all []request, total, width time.Duration) []window {
	cut := make([][]time.Duration, max(1, int(total/width)))
	bad := make([]int, len(cut))
	for _, q := range all {
		i := min(max(int(q.at/width), 0), len(cut)-1)
		cut[i] = append(cut[i], q.latency)
		if q.bad {
			bad[i]++
		}
	}
	ws := make([]window, len(cut))
	for i, latencies := range cut {
		from := time.Duration(i) * width
		length := width
		if i == len(cut)-1 {
			length = total - from
		}
		slices.Sort(latencies)
		ws[i] = window{
			at: from + length/2, rate: float64(len(latencies)) / length.Seconds(), bad: float64(bad[i]) / length.Seconds(),
			p50: quantile(latencies, 0.5), p90: quantile(latencies, 0.9), p99: quantile(latencies, 0.99),
		}
	}
	return ws
}

// quantile of what is sorted; 0 of nothing.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// progress is a line about the last second.
func (r *recording) progress() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Since(r.begun)
	s := r.samples[len(r.samples)-1]
	var retries, owed float64
	var down []string
	for i, b := range s.backends {
		retries += b.retries
		owed += b.owed
		if !b.up {
			down = append(down, r.names[i])
		}
	}
	line := fmt.Sprintf("%4.0f s  reads %s  writes %s  owed %.0f  retries %.0f",
		now.Seconds(), r.reads.lately(now), r.writes.lately(now), owed, retries)
	if len(down) > 0 {
		line += "  down: " + strings.Join(down, ", ")
	}
	return line
}

// lately sums up what ended within the last second.
func (k *kind) lately(now time.Duration) string {
	// Answers are recorded as they come: looking back a little finds them.
	var latencies []time.Duration
	for _, q := range slices.Backward(k.all[max(0, len(k.all)-20_000):]) {
		if q.at+q.latency > now-time.Second {
			latencies = append(latencies, q.latency)
		}
	}
	slices.Sort(latencies)
	return fmt.Sprintf("%4d/s p50 %8s p99 %8s bad %d", len(latencies),
		short(quantile(latencies, 0.5)), short(quantile(latencies, 0.99)), k.requests()-k.fine())
}

// short is a time with three digits.
func short(d time.Duration) string {
	switch {
	case d >= 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	default:
		return fmt.Sprintf("%.3g µs", float64(d)/1e3)
	}
}
