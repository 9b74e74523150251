package fanout

import "tutti/clock"

// heedHold does what a hold of t's backend, or its end, means. From when it has returned nothing
// begins to be sent there, or what is owed flows, in order and at the pace of a return.
func (f *Fanout) heedHold(t *deliverer) {
	f.mu.Lock()
	if held := t.b.Held(); held != t.queue.held {
		t.queue.hold(held)
		f.held ^= 1 << t.index
		f.reconsiderLocked(clock.Now())
		if f.ledger.draining {
			poke(f.quiet)
		}
	}
	f.unlock()
	t.stir()
}

// hold stops the queue, or lets it go on from one sender.
func (q *queue) hold(held bool) {
	q.held = held
	q.limit, q.steep, q.streak = 1, fastSenders, 0
	q.gate = 0
}

// reconsiderLocked looks whether those who wait can be answered, now that other backends count.
func (f *Fanout) reconsiderLocked(now int64) {
	for w := f.waiters.first; w != nil; {
		next := w.nextWaiter
		if w.class != classNone { // otherwise it is not accepted yet
			w.refs++
			if f.unanimousLocked(w) {
				f.refuseLocked(w, now)
			}
			f.decideLocked(w)
			f.ledger.release(w)
		}
		w = next
	}
}

// allHeldLocked tells whether there is no backend that a new write could be sent to.
func (f *Fanout) allHeldLocked() bool { return f.held == f.all }

// idleLocked tells whether nothing is left that a drain waits for: with a journal, that keeps what
// is owed, clients, otherwise what is being sent, and owed but to backends that are held.
func (f *Fanout) idleLocked() bool {
	if f.ledger.records != nil {
		return f.ledger.wanted == 0
	}
	for _, t := range f.deliverers {
		if t.queue.sending > 0 || t.owed > 0 && !t.queue.held {
			return false
		}
	}
	return true
}
