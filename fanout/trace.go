package fanout

import "tutti/front"

// tally is what had become of a write when its client was answered, for the access log.
type tally struct {
	delivered, attempts int
	took                int64 // nanoseconds since the write was accepted
}

// tallyLocked counts.
func (w *write) tallyLocked(now int64) tally {
	t := tally{took: now - w.accepted}
	for i := range w.deliveries {
		d := &w.deliveries[i]
		t.attempts += d.attempts
		if d.state == delivered {
			t.delivered++
		}
	}
	return t
}

// trace notes r for the access log.
func (f *Fanout) trace(x *front.Exchange, r *reply) {
	t := &x.Trace
	t.Backends, t.Delivered = len(f.deliverers), r.tally.delivered
	t.Tries, t.Upstream = r.tally.attempts, r.tally.took
	t.WriteID = r.view.ID
}
