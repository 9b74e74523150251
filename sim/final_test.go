package sim

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"tutti/backend"
	"tutti/fanout"
)

// quietWithin is how long it may take, when all is well, until nothing is owed.
const quietWithin = 10 * time.Minute

// nobody is the client that asks in the end.
const nobody = 999

// settle waits until nothing is owed, and has an operator see to what is parked.
func (w *world) settle(p *process) {
	time.Sleep(time.Second) // clients that have just left are noticed
	for i, b := range p.group.All() {
		if s, _ := b.State(); s == backend.Drained {
			w.h.note("operator resumes replica %d", i)
			b.Resume()
		}
	}
	for round := range 20 {
		if !w.quiet(p) {
			return
		}
		all := p.fanout.List(fanout.Filter{State: "parked", Limit: 1000})
		if len(all) == 0 {
			break
		}
		for i, v := range all {
			kind := actForce
			if d := diceFor(w.p.seed, 'o', round, i); d.chance(0.2) {
				kind = actDrop
			}
			w.decide(p, v, kind)
		}
	}
	if s := p.fanout.Snapshot(); s.Settled != s.Accepted {
		w.h.wrong("not all is settled: %+v", s)
	}
	for i, b := range p.group.All() {
		if n := b.Stats().Lacks; n != 0 {
			w.h.wrong("replica %d still lacks %d", i, n)
		}
	}
}

// quiet waits until nothing is pending.
func (w *world) quiet(p *process) bool {
	for end := time.Now().Add(quietWithin); p.fanout.Snapshot().Pending > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			w.h.wrong("writes are pending for ever: %+v", p.fanout.List(fanout.Filter{State: "pending", Limit: 5}))
			return false
		}
		w.look()
	}
	return true
}

// turns checks that reads go to each replica in turn, now that all are well.
func (w *world) turns(p *process) {
	time.Sleep(time.Minute) // what was out returns slowly
	n := w.p.backends
	c := &client{w: w, index: nobody}
	if !c.connect() {
		w.h.wrong("nobody listens")
		return
	}
	for i := range 2 * n {
		c.read(opOf(c.index, i), &step{})
	}
	c.leave(false)
	var went []int
	w.mu.Lock()
	for i := range 2 * n {
		went = append(went, w.reads[opOf(nobody, i)].went...)
	}
	w.mu.Unlock()
	slices.Sort(went)
	for i := range n {
		if len(went) != 2*n || went[2*i] != i || went[2*i+1] != i {
			w.h.wrong("%d reads went to replicas %v", 2*n, went)
			return
		}
	}
}

// forgotten checks that what was kept of writes goes when its time is over.
func (w *world) forgotten(p *process) {
	time.Sleep(w.p.keepFor + time.Second)
	if s := p.fanout.Snapshot(); s.PendingBytes != 0 {
		w.h.wrong("something is kept for ever: %+v", s)
	}
	if all := p.fanout.List(fanout.Filter{}); len(all) > 0 {
		w.h.wrong("%d writes are kept for ever", len(all))
	}
}

// verify checks what every replica has in the end; given up is what Tutti said it abandons.
func (w *world) verify(p *process, givenUp []fanout.Abandoned, total int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if total != len(givenUp) {
		w.h.wrong("%d writes are given up, %d are said", total, len(givenUp))
	}
	given := p.givenUp(givenUp)
	var lost, sent, unsent int
	for _, rec := range w.writes {
		switch {
		case rec.seq != 0:
			sent++
			lost += w.missingOf(rec, given)
		case accepted(rec.status):
			unsent++
			if !rec.dropped && given[rec.op] == nil {
				w.h.wrong("op %d was answered %d and sent to nobody", rec.op, rec.status)
			}
		}
	}
	if w.p.orderBy != "" {
		w.sameOrder()
	}
	if len(w.downs) > 0 {
		return // it does not count what former ones did
	}
	s := p.fanout.Snapshot()
	if n := int(s.Accepted); n < sent+unsent || n > len(w.writes) {
		w.h.wrong("%d writes are counted as accepted, %d were sent on and %d were not", n, sent, unsent)
	}
	if n := w.metric(p, "tutti_rejected_deliveries_total"); n < lost {
		w.h.wrong("%d deliveries were lost as rejected, %d are counted", lost, n)
	}
}

// missingOf checks that a replica that has not applied rec has a reason, and counts those of which
// the reason is that it was rejected.
func (w *world) missingOf(rec *record, given map[int][]string) (rejected int) {
	for i := range rec.at {
		s := &rec.at[i]
		switch {
		case s.applied || rec.dropped:
		case s.stale && (rec.forced || w.p.policy.Attempts > 0 && len(w.downs) > 0): // it was parked, which was not noted
		case w.p.stops && slices.Contains(given[rec.op], w.replicas[i].name):
		case s.missing && w.p.rejectsList(), w.refusedByAll(rec):
			rejected++
		default:
			w.h.wrong("op %d (%d) is not on replica %d, and nothing says so: %+v", rec.op, rec.status, i, *s)
		}
	}
	return rejected
}

// givenUp is what Tutti says it abandons, by op.
func (p *process) givenUp(all []fanout.Abandoned) map[int][]string {
	op := map[string]int{}
	for after, more := uint64(0), true; more; {
		list := p.fanout.List(fanout.Filter{After: after, Limit: 100})
		for _, v := range list {
			op[v.ID], after = number([]byte(v.Path), "op="), v.Sequence
		}
		more = len(list) > 0
	}
	given := map[int][]string{}
	for _, a := range all {
		given[op[a.ID]] = a.Backends
	}
	return given
}

// sameOrder checks that what two replicas both have of a key they have in the same order.
func (w *world) sameOrder() {
	for _, r := range w.replicas {
		for key, ops := range r.order {
			last := uint64(0)
			for _, op := range ops {
				rec := w.writes[op]
				if rec.seq < last {
					w.h.wrong("replica %d applied key %s as %v", r.index, key, ops)
					break
				}
				last = rec.seq
			}
		}
	}
}

// metric is the sum of a series over its labels.
func (w *world) metric(p *process, name string) (sum int) {
	var page bytes.Buffer
	p.metrics.WritePrometheus(&page)
	for l := range strings.SplitSeq(page.String(), "\n") {
		if strings.HasPrefix(l, name) {
			n, _ := strconv.Atoi(l[strings.LastIndexByte(l, ' ')+1:])
			sum += n
		}
	}
	return sum
}

// left checks that no connection is open.
func (w *world) left() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.replicas {
		for c := range r.conns {
			if !c.peer.isClosed() {
				w.h.wrong("a connection to replica %d is left open", r.index)
			}
		}
	}
}
