package metrics

import (
	"bytes"
	"sync"

	vm "github.com/VictoriaMetrics/metrics"
)

// Set is all series of one process. A nil *Set counts nothing.
type Set struct {
	vm       *vm.Set
	help     map[string]string
	balance  *Route
	fanout   *Route
	backends []*Backend
	refused  codes
	reasons  []reason
	appends  *vm.PrometheusHistogram

	scrape sync.Mutex // one scrape at a time; guards what follows
	gauges Gauges
	out    bytes.Buffer
}

type reason struct {
	name string
	n    *vm.Counter
}

// New returns the series for these backends ("host:port", in --backend order, none twice), all
// at zero.
func New(backends []string) *Set {
	// The library knows metadata only as a switch for the whole process; turning it on twice
	// does no harm.
	vm.ExposeMetadata(true)
	s := &Set{vm: vm.NewSet(), help: help()}
	s.balance = newRoute(s.vm, "balance")
	s.fanout = newRoute(s.vm, "fanout")
	for _, name := range backends {
		s.backends = append(s.backends, newBackend(s.vm, name))
	}
	s.refused.init(s.vm, "tutti_refused_requests_total", "", 400, 404, 405, 408, 431, 505, 508)
	for _, name := range []string{
		"size", "pending", "pending_bytes", "journal", "journal_full", "client_left", "draining", "held",
		"malformed", "key_reused", "other",
	} {
		n := s.vm.NewCounter(`tutti_refused_writes_total{reason="` + name + `"}`)
		s.reasons = append(s.reasons, reason{name, n})
	}
	s.appends = s.vm.NewPrometheusHistogramExt("tutti_journal_append_duration_seconds", buckets())
	return s
}

// Balance is the route whose requests go to one backend.
func (s *Set) Balance() *Route {
	if s == nil {
		return nil
	}
	return s.balance
}

// Fanout is the route whose requests go to all backends.
func (s *Set) Fanout() *Route {
	if s == nil {
		return nil
	}
	return s.fanout
}

// Backend returns the series of the i-th backend; nil, which counts nothing, if there is none.
func (s *Set) Backend(i int) *Backend {
	if s == nil || i < 0 || i >= len(s.backends) {
		return nil
	}
	return s.backends[i]
}

// Refused counts an answer given before a route was known (tutti_refused_requests_total{code}).
func (s *Set) Refused(status int) {
	if s == nil {
		return
	}
	s.refused.inc(status)
}

// RefusedWrite counts a write that was not accepted, by reason: "size", "pending",
// "pending_bytes", "journal", "journal_full", "client_left", "draining", "held", "malformed",
// "key_reused". Any other is counted as "other".
func (s *Set) RefusedWrite(why string) {
	if s == nil {
		return
	}
	last := len(s.reasons) - 1
	for i := range s.reasons[:last] {
		if s.reasons[i].name == why {
			s.reasons[i].n.Inc()
			return
		}
	}
	s.reasons[last].n.Inc()
}

// Appended counts a write that is in the journal, and how long that took, in nanoseconds.
func (s *Set) Appended(nanos int64) {
	if s == nil {
		return
	}
	s.appends.Update(seconds(nanos))
}

// Source sets where the gauges are read; until then they are zero.
func (s *Set) Source(g Gauges) {
	if s == nil {
		return
	}
	s.scrape.Lock()
	defer s.scrape.Unlock()
	s.gauges = g
}
