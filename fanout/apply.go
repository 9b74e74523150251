package fanout

import (
	"math/bits"

	"tutti/clock"
)

// finish applies what became of d, which the caller was sending, and returns the next
// delivery for the caller to send, if d was one of its queue and there is another.
func (f *Fanout) finish(d *delivery) (next *delivery) {
	now := clock.Now()
	f.mu.Lock()
	w, t, queued := d.w, d.to, d.fromQueue
	w.refs++
	f.applyLocked(d, now)
	f.decideLocked(w)
	f.shedLocked(w)
	stir := d.heap != nil || d.state == parked
	f.ledger.release(w)
	if queued && !f.closed {
		if next = t.queue.next(now, t.peer.Up()); next != nil {
			f.ledger.move(next, sending, now)
		}
	}
	// Also when nothing may begin now: somebody has to know when it may.
	stir = stir || t.queue.ready.len() > 0 && (next == nil || t.queue.may(now, t.peer.Up()))
	f.unlock()
	if stir {
		t.stir()
	}
	return next
}

// applyLocked changes d's state by what became of it: the one place that judges. The caller
// has a reference to the write.
func (f *Fanout) applyLocked(d *delivery, now int64) {
	w, t := d.w, d.to
	o := d.out
	d.out, d.sent = outcome{}, 0
	t.queue.ended(d)
	k := o.kind()
	if k == busy || k == cut {
		t.queue.heard(k, false, 0, now, true)
		f.owedAgainLocked(d, now)
		return
	}
	t.m.Attempt(f.rules.success.Has(o.status))
	if d.firstEnded {
		t.m.Retried()
	}
	d.attempts++
	d.status, d.word = o.status, o.word()
	if k != unreachable {
		d.reached = true
		if w.lane != nil {
			f.passedLocked(t.index, w.lane.reached(d))
		}
	}
	jitter := f.jitter()
	next, delay := f.rules.judge(&o, d.attempts-1, jitter)
	up := t.peer.Up()
	t.queue.heard(k, next == delivered, int64(f.rules.policy.Wait(d.attempts-1, jitter)), now, up)
	if next != delivered && o.status >= 200 && o.status <= 299 {
		f.notes = append(f.notes, note{what: noteStrange, backend: t.b.Name(), status: o.status})
	}
	refusedNow := f.firstLocked(d, o.status)
	if next != delivered {
		next = f.endedOtherwise(d, next)
	}
	f.offerLocked(w, o.response, next)
	switch {
	case next == waiting && k == unreachable && !up:
		t.queue.add(d) // not for its time but for the backend
	case next == waiting:
		t.queue.addAt(d, now+int64(delay))
	}
	f.stateLocked(d, next, now)
	if refusedNow {
		f.refuseLocked(w, now)
	}
}

// firstLocked notes the end of d's first attempt. It tells whether with it all first attempts
// have ended in a status that says the request is at fault.
func (f *Fanout) firstLocked(d *delivery, status int) (refusedNow bool) {
	if d.firstEnded {
		return false
	}
	d.firstEnded, d.firstStatus = true, status
	d.w.firsts++
	return f.unanimousLocked(d.w)
}

// unanimousLocked finds out whether by now all first attempts of w have so ended, of those
// backends that are asked.
func (f *Fanout) unanimousLocked(w *write) (refusedNow bool) {
	if !f.rules.unanimous || w.refused != 0 || w.firsts+bits.OnesCount64(f.held) < len(w.deliveries) {
		return false
	}
	w.refused = unanimity(w.deliveries, f.held)
	return w.refused != 0
}

// endedOtherwise is the state of a delivery that was not delivered while somebody or
// something had decided that it is not tried again.
func (f *Fanout) endedOtherwise(d *delivery, next state) state {
	switch {
	case d.w.refused != 0:
		d.status, d.word = d.w.refused, ""
		return rejected
	case d.dropping:
		return dropped
	}
	return next
}

// refuseLocked rejects what of w is not delivered, since all backends alike refused it. What
// is being sent ends by its own outcome.
func (f *Fanout) refuseLocked(w *write, now int64) {
	for i := range w.deliveries {
		d := &w.deliveries[i]
		if d.state == waiting || d.state == parked {
			d.to.queue.remove(d)
			d.status, d.word = w.refused, ""
			f.stateLocked(d, rejected, now)
		}
	}
}

// owedAgainLocked puts back a delivery that was not tried.
func (f *Fanout) owedAgainLocked(d *delivery, now int64) {
	next := f.endedOtherwise(d, waiting)
	if next == waiting && mayBegin(d) {
		d.to.queue.add(d)
	}
	f.stateLocked(d, next, now)
}

// stateLocked moves d and counts what is counted of deliveries.
func (f *Fanout) stateLocked(d *delivery, next state, now int64) {
	switch next {
	case waiting:
		f.ledger.know(d.w) // an operator may want to see what it waits for
	case parked:
		f.ledger.know(d.w)
		f.notes = append(f.notes, note{what: noteParked, backend: d.to.b.Name(), id: d.w.idString(), status: d.status})
	case rejected:
		d.to.m.Rejected()
	case sending, delivered, dropped:
	}
	f.ledger.move(d, next, now)
}

// offerLocked keeps a, the answer of a delivery that is now in state s, if the client would
// get it should it be told something now, and frees it otherwise. nil is allowed.
func (f *Fanout) offerLocked(w *write, a *response, s state) {
	if a == nil {
		return
	}
	place := &w.bad
	if s == delivered {
		place = &w.good
	}
	if !w.wanted.Load() || w.final() || !f.better(a, *place, s) {
		f.freeResponse(a)
		return
	}
	f.ledger.weigh(w, a.size()-(*place).size())
	f.freeResponse(*place)
	*place = a
	f.recordAgainLocked(w)
}

// recordAgainLocked has the journal's record of a keyed write, if there is to be one, keep up
// with its answer.
func (f *Fanout) recordAgainLocked(w *write) {
	if f.ledger.records != nil && w.scoped && w.told {
		f.ledger.records.keep(w)
	}
}

// smallAnswer is what an answer may measure that is kept in any case, in bytes.
const smallAnswer = 4 << 10

// shedLocked leaves of the answers that wait for the verdict on w only their status while
// more is held than may be. Those of others stay: they were within the bound.
func (f *Fanout) shedLocked(w *write) {
	if w.final() || f.ledger.fits(0) {
		return
	}
	for _, a := range [...]*response{w.good, w.bad} {
		if size := a.size(); size > smallAnswer {
			f.ledger.weigh(w, -size)
			f.cutShort(a, "http_response_body_size")
		}
	}
}

// better tells whether a is to be preferred to the one there is: a whole one, then by
// --backend order, or the earliest if that was asked for.
func (f *Fanout) better(a, than *response, s state) bool {
	switch {
	case than == nil:
		return true
	case (a.word == "") != (than.word == ""):
		return a.word == ""
	case s == delivered && f.o.AckEarliest:
		return false
	default:
		return a.index < than.index
	}
}

// decideLocked finds the verdict on w if it can be found now, and wakes the clients' goroutines.
func (f *Fanout) decideLocked(w *write) {
	if w.final() || !w.wanted.Load() {
		return
	}
	w.verdict = decide(w.deliveries, f.o.Ack, f.held)
	if w.verdict == acknowledged && w.good == nil && w.unfinished > 0 {
		w.verdict = undecided // its answer went with a process before: a backend is asked for it
	}
	if w.verdict == undecided {
		return
	}
	if w.scoped {
		f.keepLocked(w)
	}
	f.wakeLocked(w)
}
