package admin

import "math"

// recent is how a backend did in the last seconds.
type recent struct {
	Seconds   measure `json:"seconds"`    // of these, at most 10
	ReadShare measure `json:"read_share"` // of all reads; null: there were none
	Rate      measure `json:"rate"`       // exchanges per second, writes and repeats included
	Errors    measure `json:"errors"`     // share of them without an answer, or with 5xx; null: there were none
	P50       measure `json:"p50_seconds"`
	P99       measure `json:"p99_seconds"` // null as errors
}

// between is what the time between two looks was like.
func between(from, to *look) recently {
	r := recently{
		requests: to.rate(from, func(l *look) uint64 { return l.requests }),
		accepted: to.rate(from, func(l *look) uint64 { return l.accepted }),
		backends: make([]recent, len(to.backends)),
	}
	var reads uint64
	for i := range to.backends {
		reads += to.backends[i].reads - from.backends[i].reads
	}
	for i := range r.backends {
		a, b := &from.backends[i], &to.backends[i]
		p50, p99 := latencies(a, b)
		r.backends[i] = recent{
			Seconds:   measure(to.seconds(from)),
			ReadShare: of(b.reads-a.reads, reads),
			Rate:      to.rate(from, func(l *look) uint64 { return l.backends[i].requested() }),
			Errors:    of(b.failed()-a.failed(), b.requested()-a.requested()),
			P50:       p50, P99: p99,
		}
	}
	return r
}

// latencies are the median and the 99th percentile, in seconds, of what was answered in between.
func latencies(from, to *backendLook) (p50, p99 measure) {
	answered := to.exchanges.Latencies
	answered.Sub(&from.exchanges.Latencies)
	if answered.Count() == 0 {
		nan := measure(math.NaN())
		return nan, nan
	}
	return measure(answered.Quantile(.5).Seconds()), measure(answered.Quantile(.99).Seconds())
}
