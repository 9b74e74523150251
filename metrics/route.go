package metrics

import (
	"sync/atomic"

	vm "github.com/VictoriaMetrics/metrics"
)

// Route is the series of one route. It is safe for concurrent use; a nil *Route counts nothing.
type Route struct {
	name     string
	inFlight atomic.Int64
	requests codes
	duration *vm.PrometheusHistogram
}

func newRoute(set *vm.Set, name string) *Route {
	label := `route="` + name + `"`
	r := &Route{name: name}
	r.requests.init(set, "tutti_requests_total", label+",",
		200, 201, 202, 400, 404, 405, 408, 413, 431, 502, 503, 504, 508)
	r.duration = set.NewPrometheusHistogramExt("tutti_request_duration_seconds{"+label+"}", buckets())
	return r
}

// Begin counts a request in flight. Done must follow.
func (r *Route) Begin() {
	if r == nil {
		return
	}
	r.inFlight.Add(1)
}

// Done ends a request with its final status and its duration in nanoseconds.
func (r *Route) Done(status int, nanos int64) {
	if r == nil {
		return
	}
	r.inFlight.Add(-1)
	r.requests.inc(status)
	r.duration.Update(seconds(nanos))
}
