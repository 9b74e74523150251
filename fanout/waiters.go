package fanout

// waiters are the writes on which somebody waits for a verdict. Fanout.mu guards it. The zero
// value is ready.
type waiters struct{ first *write }

// add puts w in unless it is.
func (l *waiters) add(w *write) {
	if w.watched {
		return
	}
	w.watched = true
	w.prevWaiter, w.nextWaiter = nil, l.first
	if l.first != nil {
		l.first.prevWaiter = w
	}
	l.first = w
}

// remove takes w out if it is in.
func (l *waiters) remove(w *write) {
	if !w.watched {
		return
	}
	w.watched = false
	if w.prevWaiter == nil {
		l.first = w.nextWaiter
	} else {
		w.prevWaiter.nextWaiter = w.nextWaiter
	}
	if w.nextWaiter != nil {
		w.nextWaiter.prevWaiter = w.prevWaiter
	}
	w.prevWaiter, w.nextWaiter = nil, nil
}
