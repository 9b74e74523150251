package admin

import (
	"tutti/clock"
	"tutti/metrics"
)

// look is what was counted up to a moment.
type look struct {
	at       int64  // clock.Now
	requests uint64 // of clients
	accepted uint64 // writes
	pending  uint64 // now, as are the next
	parked   uint64
	backends []backendLook
}

type backendLook struct {
	exchanges metrics.Exchanges
	reads     uint64
	active    int // connections
	owed      int
}

// take looks now.
func (l *look) take(o *Options) {
	writes := o.Writes.Snapshot()
	l.at = clock.Now()
	l.requests = o.Front().Requests
	l.accepted, l.pending, l.parked = writes.Accepted, writes.Pending, writes.Parked
	if l.backends == nil {
		l.backends = make([]backendLook, len(o.Backends))
	}
	for i, b := range o.Backends {
		at, st := &l.backends[i], b.Stats()
		b.Metrics().Look(&at.exchanges)
		at.reads, at.active, at.owed = st.Reads, st.Active, owedTo(writes, i).Owed
	}
}

// seconds from an earlier look to l.
func (l *look) seconds(earlier *look) float64 { return float64(l.at-earlier.at) / 1e9 }

// rate is what n grew by from an earlier look to l, per second.
func (l *look) rate(earlier *look, n func(*look) uint64) measure {
	seconds := l.seconds(earlier)
	if seconds <= 0 {
		return 0
	}
	return measure(float64(n(l)-n(earlier)) / seconds)
}

// requested is how many exchanges were begun and have ended, one way or another.
func (b *backendLook) requested() uint64 { return b.exchanges.Answered + b.exchanges.Unanswered }

// failed is how many of them had no answer or one with 5xx.
func (b *backendLook) failed() uint64 { return b.exchanges.ServerErrors + b.exchanges.Unanswered }
