// Package metrics holds every series Tutti exports (SPEC: names are final), resolved once
// when a thing is built, never looked up by label on the path. Built on VictoriaMetrics/metrics.
package metrics

import "io"

// Set is all series of one process.
type Set struct{ skeleton }

type skeleton struct{}

// New returns the series for these backends ("host:port", in --backend order), all at zero.
func New(backends []string) *Set { panic("todo") }

// Route is the series of one route. It is safe for concurrent use.
type Route struct{ skeleton }

// Balance and Fanout are the two routes.
func (s *Set) Balance() *Route { panic("todo") }

// Fanout: see Balance.
func (s *Set) Fanout() *Route { panic("todo") }

// Begin counts a request in flight; Done ends it with its final status and duration in nanoseconds.
func (r *Route) Begin() { panic("todo") }

// Done: see Begin.
func (r *Route) Done(status int, nanos int64) { panic("todo") }

// Refused counts an answer the front gave before routing (tutti_refused_requests_total{code}).
func (s *Set) Refused(status int) { panic("todo") }

// Backend is the series of one backend.
type Backend struct{ skeleton }

// Backend returns those of the i-th backend.
func (s *Set) Backend(i int) *Backend { panic("todo") }

// Served counts an exchange that was answered (tutti_backend_requests_total{code}, duration).
func (b *Backend) Served(status int, nanos int64) { panic("todo") }

// Error counts an exchange without an answer (code="error").
func (b *Backend) Error() { panic("todo") }

// Attempt counts one attempt at a write: the original's four counters.
func (b *Backend) Attempt(delivered bool) { panic("todo") }

// Ejected, Retried and Rejected count one of each.
func (b *Backend) Ejected() { panic("todo") }

// Retried counts a further attempt at a write (tutti_retries_total).
func (b *Backend) Retried() { panic("todo") }

// Rejected counts a rejected delivery.
func (b *Backend) Rejected() { panic("todo") }

// RefusedWrite counts a write that was not accepted, by reason: "size", "pending", "pending_bytes",
// "client_left", "draining", "malformed".
func (s *Set) RefusedWrite(reason string) { panic("todo") }

// Writes is one consistent look at the writes: Accepted == Settled + Pending + Parked.
type Writes struct {
	Accepted, Settled, Pending, Parked uint64
	PendingBytes                       int64
	Backends                           []BackendWrites // by index
}

// BackendWrites is what one backend is owed.
type BackendWrites struct {
	Owed, Parked  int   // deliveries
	OldestSeconds float64
}

// Gauges is where a scrape reads what changes elsewhere. Each function is called once per scrape.
type Gauges struct {
	Writes            func() Writes
	ClientConnections func() int
	Up                func(backend int) bool
	Connections       func(backend int) (idle, active int)
}

// Source sets the gauges' source; until then they are zero.
func (s *Set) Source(g Gauges) { panic("todo") }

// WritePrometheus writes one scrape, Go's and the process's series included.
func (s *Set) WritePrometheus(w io.Writer) { panic("todo") }
