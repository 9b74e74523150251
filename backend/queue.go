package backend

import "time"

// waiter is a claim that waits for a connection.
type waiter struct {
	use        Use
	ticket     uint64
	granted    chan grant // holds one
	timer      *time.Timer
	queued     bool
	prev, next *waiter
}

// waiter returns one whose timer ends after d. It goes back to p.spare once its grant, if
// any was given, is taken.
func (p *pool) waiter(u Use, d time.Duration) *waiter {
	w, ok := p.spare.Get().(*waiter)
	if !ok {
		w = &waiter{granted: make(chan grant, 1), timer: time.NewTimer(d)}
	} else {
		w.timer.Reset(d)
	}
	w.use = u
	return w
}

// queue is waiters, first come first. The pool's lock guards it.
type queue struct {
	first, last *waiter
	n           int
}

func (q *queue) push(w *waiter) {
	w.queued = true
	w.prev = q.last
	if q.last != nil {
		q.last.next = w
	} else {
		q.first = w
	}
	q.last = w
	q.n++
}

// remove takes w out and tells whether it was in.
func (q *queue) remove(w *waiter) bool {
	if !w.queued {
		return false
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.queued, w.prev, w.next = false, nil, nil
	q.n--
	return true
}
