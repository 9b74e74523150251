package fanout

import (
	"time"

	"tutti/backend"
	"tutti/clock"
	"tutti/metrics"
)

// probePause is the least time between two tries whether a backend can be reached.
const probePause = 10 * time.Millisecond

// peer is what the accounting needs of a backend.
type peer interface {
	Up() bool
	Lack(d int)
}

// deliverer sees to it that one backend gets what it is owed. Fanout.mu guards its fields but
// for those that never change; run is its goroutine.
type deliverer struct {
	peer  peer
	b     *backend.Backend
	m     *metrics.Backend
	index int
	wake  chan struct{} // of one: look at the queue again

	queue     queue
	held      heldList
	owed      int // unfinished deliveries
	near      int // of them those that are not away, and those of writes about to be accepted
	parked    int
	unreached int  // of the parked: the backend could not be reached by any attempt
	probing   bool // a connection is being tried for the sake of those
	disk      backlog
	seqs      []uint64 // of the goroutine
}

func newDeliverer(b *backend.Backend, m *metrics.Backend) *deliverer {
	return &deliverer{
		peer: b, b: b, m: m, index: b.Index(),
		wake:  make(chan struct{}, 1),
		queue: newQueue(),
	}
}

// stir has the goroutine look at the queue. It never blocks.
func (t *deliverer) stir() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// run starts senders for what is due, until we stop. It has the one timer of all that waits.
func (f *Fanout) run(t *deliverer) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := clock.Now()
		timer.Stop()
		at := f.begin(t, now)
		for f.load(t) {
			now = clock.Now()
			at = f.begin(t, now)
		}
		if at != 0 {
			timer.Reset(time.Duration(max(at-now, 0)))
		}
		select {
		case <-timer.C:
		case <-t.wake:
		case <-f.quit:
			return
		}
	}
}

// begin starts all that may start now and returns when to look again at the latest, 0: when
// stirred.
func (f *Fanout) begin(t *deliverer, now int64) (at int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0
	}
	up := t.peer.Up()
	for {
		d := t.queue.next(now, up)
		if d == nil {
			break
		}
		f.ledger.move(d, sending, now)
		f.startLocked(d)
	}
	at = t.queue.wake(now, up)
	if t.unreached > 0 && !t.queue.held && t.queue.ready.len() == 0 && t.queue.senders == 0 && !t.probing {
		if now >= t.queue.gate {
			f.probeLocked(t)
		} else if at == 0 || t.queue.gate < at {
			at = t.queue.gate
		}
	}
	if rest := t.disk.rest; rest > now && t.disk.away.Len() > 0 && (at == 0 || rest < at) {
		at = rest
	}
	return at
}

// probeLocked tries a connection to a backend that is owed nothing but parked deliveries which
// wait for it to be reachable: nobody else might notice that it is back. It is no attempt.
func (f *Fanout) probeLocked(t *deliverer) {
	t.probing = true
	f.running.Go(func() {
		c, err := t.b.Acquire(backend.ForWrite, 0)
		if err == nil {
			c.Close()
		}
		f.mu.Lock()
		t.probing = false
		now := clock.Now()
		switch {
		case f.closed:
		case err == nil:
			f.retakeLocked(t, now)
		default:
			t.queue.gate = now + int64(max(f.rules.policy.Max, probePause)+f.jitter())
		}
		f.mu.Unlock()
		t.stir()
	})
}

// back is called when a backend's Up turns true.
func (f *Fanout) back(t *deliverer) {
	f.mu.Lock()
	if !f.closed {
		f.retakeLocked(t, clock.Now())
	}
	f.mu.Unlock()
	t.stir()
}

// retakeLocked takes up what was parked because the backend could not be reached, to be sent in order, and
// with attempts counted afresh. What was overtaken in its key meanwhile is left to an operator.
func (f *Fanout) retakeLocked(t *deliverer, now int64) {
	t.queue.returned()
	for d := t.held.last; d != nil && t.unreached > 0; d = d.prev {
		switch {
		case d.state != parked || d.reached:
		case overtaken(d):
			d.reached = true
			t.unreached--
		default:
			f.requeueLocked(d, now)
		}
	}
}

// requeueLocked takes up a parked delivery again.
func (f *Fanout) requeueLocked(d *delivery, now int64) {
	f.ledger.move(d, waiting, now)
	d.attempts, d.reached, d.due = 0, false, 0
	if leads(d) {
		d.to.queue.add(d)
	}
}

// yields is why d, about to be sent, is not: nil, if it may be. Earlier writes of its key that
// were parked because the backend could not be reached go before it now that it can be
// (backend.ErrAbandoned). That it can't be is the attempt's failure: one made a moment later
// might succeed, and overtake them. The caller is sending d.
func (f *Fanout) yields(d *delivery) *backend.Failure {
	t := d.to
	f.mu.Lock()
	// Connecting may be what tells that the backend is back, and then they are taken up.
	d.yielding = d.fromQueue && t.unreached > 0
	behind := d.yielding
	f.mu.Unlock()
	if !behind {
		return nil
	}
	c, err := t.b.Acquire(backend.ForWrite, 0)
	if err == nil {
		c.Close()
	}
	f.mu.Lock()
	if err == nil && !f.closed {
		f.retakeLocked(t, clock.Now())
	}
	d.yielding = false
	first := leads(d)
	f.mu.Unlock()
	switch {
	case !first:
		return backend.ErrAbandoned // not an attempt: it is another's turn
	case err == nil:
		return nil
	}
	failure := asFailure(err)
	if failure != backend.ErrBusy {
		t.b.Failed(failure)
		t.m.Error()
	}
	return failure
}
