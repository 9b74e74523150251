package admin

// history is the charts' numbers, oldest first, one for each second or so.
type history struct {
	Times    []int64         `json:"times"`    // Unix milliseconds
	Requests []measure       `json:"requests"` // of clients, per second
	Accepted []measure       `json:"accepted"` // writes, per second
	Pending  []uint64        `json:"pending"`
	Parked   []uint64        `json:"parked"`
	Backends []backendSeries `json:"backends"` // as the status has them
}

type backendSeries struct {
	Rate   []measure `json:"rate"`   // exchanges per second
	Errors []measure `json:"errors"` // of them without an answer, or with 5xx, per second
	P50    []measure `json:"p50_seconds"`
	P99    []measure `json:"p99_seconds"`
	Active []int     `json:"active"` // connections
	Owed   []int     `json:"owed"`   // deliveries
}

// point is a moment of it.
type point struct {
	at                 int64
	requests, accepted measure
	pending, parked    uint64
	backends           []backendPoint
}

type backendPoint struct {
	rate, errors, p50, p99 measure
	active, owed           int
}

// plot is the point of a look, at Unix milliseconds. Rates are those since the look before, latencies those
// since an earlier one.
func plot(at int64, earlier, before, now *look) point {
	p := point{
		at:       at,
		requests: now.rate(before, func(l *look) uint64 { return l.requests }),
		accepted: now.rate(before, func(l *look) uint64 { return l.accepted }),
		pending:  now.pending, parked: now.parked,
		backends: make([]backendPoint, len(now.backends)),
	}
	for i := range p.backends {
		b := &p.backends[i]
		b.rate = now.rate(before, func(l *look) uint64 { return l.backends[i].requested() })
		b.errors = now.rate(before, func(l *look) uint64 { return l.backends[i].failed() })
		b.p50, b.p99 = latencies(&earlier.backends[i], &now.backends[i])
		b.active, b.owed = now.backends[i].active, now.backends[i].owed
	}
	return p
}

// newHistory is an empty one: lists, not null.
func newHistory(backends, capacity int) *history {
	h := &history{
		Times: make([]int64, 0, capacity), Requests: make([]measure, 0, capacity), Accepted: make([]measure, 0, capacity),
		Pending: make([]uint64, 0, capacity), Parked: make([]uint64, 0, capacity),
		Backends: make([]backendSeries, backends),
	}
	for i := range h.Backends {
		h.Backends[i] = backendSeries{
			Rate: make([]measure, 0, capacity), Errors: make([]measure, 0, capacity),
			P50: make([]measure, 0, capacity), P99: make([]measure, 0, capacity),
			Active: make([]int, 0, capacity), Owed: make([]int, 0, capacity),
		}
	}
	return h
}

func (h *history) add(p *point) {
	h.Times = append(h.Times, p.at)
	h.Requests, h.Accepted = append(h.Requests, p.requests), append(h.Accepted, p.accepted)
	h.Pending, h.Parked = append(h.Pending, p.pending), append(h.Parked, p.parked)
	for i := range p.backends {
		s, b := &h.Backends[i], &p.backends[i]
		s.Rate, s.Errors = append(s.Rate, b.rate), append(s.Errors, b.errors)
		s.P50, s.P99 = append(s.P50, b.p50), append(s.P99, b.p99)
		s.Active, s.Owed = append(s.Active, b.active), append(s.Owed, b.owed)
	}
}
