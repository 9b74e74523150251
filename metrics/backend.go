package metrics

import (
	"strings"

	vm "github.com/VictoriaMetrics/metrics"
)

// Backend is the series of one backend. It is safe for concurrent use; a nil *Backend counts
// nothing.
type Backend struct {
	label string // its host:port, escaped

	// The attempts are not in the library's set: they are printed with their totals from one
	// look, so that a scrape adds up.
	delivered vm.Counter
	failed    vm.Counter

	requests codes
	errors   *vm.Counter
	duration *vm.PrometheusHistogram
	recent   latencies
	ejected  *vm.Counter
	retried  *vm.Counter
	rejected *vm.Counter
}

func newBackend(set *vm.Set, name string) *Backend {
	b := &Backend{label: escape(name)}
	label := `backend="` + b.label + `"`
	b.requests.init(set, "tutti_backend_requests_total", label+",", 200, 201, 500)
	b.errors = b.requests.counter("error")
	b.duration = set.NewPrometheusHistogramExt("tutti_backend_duration_seconds{"+label+"}", buckets())
	b.ejected = set.NewCounter("tutti_backend_ejections_total{" + label + "}")
	b.retried = set.NewCounter("tutti_retries_total{" + label + "}")
	b.rejected = set.NewCounter("tutti_rejected_deliveries_total{" + label + "}")
	return b
}

// escape makes s fit between a label's quotes. A host:port never needs it.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}

// Served counts an exchange that was answered with status, nanos after it was begun.
func (b *Backend) Served(status int, nanos int64) {
	if b == nil {
		return
	}
	b.requests.inc(status)
	b.duration.Update(seconds(nanos))
	b.recent.add(nanos)
}

// Exchanges is what a backend was asked since the start, and how it did.
type Exchanges struct {
	Answered     uint64 // with any status
	ServerErrors uint64 // of those with 5xx
	Unanswered   uint64 // code="error"
	Latencies    Latencies
}

// Look reads the exchanges. It is not of one moment.
func (b *Backend) Look(into *Exchanges) {
	*into = Exchanges{}
	if b == nil {
		return
	}
	b.recent.look(&into.Latencies)
	into.Answered = into.Latencies.Count()
	into.ServerErrors = b.requests.between(500, 599)
	into.Unanswered = b.errors.Get()
}

// Error counts an exchange without an answer (code="error").
func (b *Backend) Error() {
	if b == nil {
		return
	}
	b.errors.Inc()
}

// Attempt counts one attempt at a write, a refused connection included: the original system's
// counters.
func (b *Backend) Attempt(delivered bool) {
	if b == nil {
		return
	}
	if delivered {
		b.delivered.Inc()
	} else {
		b.failed.Inc()
	}
}

// Ejected counts one time the backend was taken out of the reads.
func (b *Backend) Ejected() {
	if b == nil {
		return
	}
	b.ejected.Inc()
}

// Retried counts a further attempt at a write.
func (b *Backend) Retried() {
	if b == nil {
		return
	}
	b.retried.Inc()
}

// Rejected counts a delivery that ended as rejected.
func (b *Backend) Rejected() {
	if b == nil {
		return
	}
	b.rejected.Inc()
}
