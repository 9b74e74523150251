package sim

import (
	"time"

	"tutti/backend"
)

// heardWithin is how long before a moment a replica must have begun to answer for Tutti to have surely
// heard all of it at that moment: answers are read in turn for a while, and some come in pieces.
const heardWithin = 400 * time.Millisecond

// asked notes that a read goes to r, and checks that it may: not if r lacks an answered write while
// another live replica surely lacks none.
func (w *world) asked(r *replica, op int) {
	p := w.process.Load()
	if p == nil {
		return
	}
	all := p.group.All()
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.reads[op]
	if q == nil {
		w.h.wrong("replica %d is sent read %d, which nobody sent", r.index, op)
		return
	}
	q.went = append(q.went, r.index)
	w.h.note("read %d goes to replica %d", op, r.index)
	if len(q.went) > 2*w.p.tries { // once more when a kept connection turns out closed
		w.h.wrong("read %d is tried %d times", op, len(q.went))
	}
	if w.p.tries != 1 {
		return
	}
	lacks := w.lacks(r, q.sentAt)
	w.checked++
	if lacks == nil {
		return
	}
	for _, o := range w.replicas {
		if o == r || !w.complete(o, q.sentAt) || !steadilyLive(all[o.index], w.h.start.Add(q.sentAt)) {
			continue
		}
		w.h.wrong("read %d goes to replica %d, which lacks op %d, while replica %d lacks none; to Tutti they lack %d and %d",
			op, r.index, lacks.op, o.index, all[r.index].Stats().Lacks, all[o.index].Stats().Lacks)
		return
	}
	w.lacking++
}

// lacks returns a write that was answered before at and that r has not answered until now.
func (w *world) lacks(r *replica, at time.Duration) *record {
	for _, o := range w.writes {
		s := &o.at[r.index]
		if o.answered > 0 && o.answered < at && accepted(o.status) && s.success == 0 && !o.dropped && !w.refusedByAll(o) && !(s.missing && w.p.rejectsList()) {
			return o
		}
	}
	return nil
}

// complete tells whether since at the latest r surely lacks no answered write.
func (w *world) complete(r *replica, at time.Duration) bool {
	for _, o := range w.writes {
		s := &o.at[r.index]
		heard := s.success > 0 && s.success+heardWithin < at && !w.forgot(s.success)
		if w.p.journal && !o.stored && !o.uncertain {
			continue
		}
		if o.whole && !heard && (o.answered == 0 && w.mayBeAnswered(o) || o.answered > 0 && accepted(o.status)) {
			return false
		}
	}
	return true
}

// mayBeAnswered tells whether an answer to o, which its client has not got, may be decided already:
// the client has left, or the answer waits for the disk.
func (w *world) mayBeAnswered(o *record) bool {
	return o.left || w.p.journal && (o.clientKey != "" || w.h.now()-o.sentAt >= w.p.ackTimeout)
}

// forgot tells whether a process ended before it has surely noted what happened at at.
func (w *world) forgot(at time.Duration) bool {
	for _, d := range w.downs {
		if at < d.to && d.from < at+w.p.notedWithin() {
			return true
		}
	}
	return false
}

// accepted tells whether a write with this answer was.
func accepted(status int) bool {
	switch status {
	case 0, 400, 408, 413, 503:
		return false
	}
	return true
}

// steadilyLive tells whether b has been live since at.
func steadilyLive(b *backend.Backend, at time.Time) bool {
	state, since := b.State()
	return state == backend.Live && since < at.UnixNano()
}
