package fanout

import (
	"time"

	"tutti/backend"
	"tutti/clock"
	"tutti/front"
)

// maxInline is the largest request the client's goroutine sends itself, to one backend after
// the other. Linux gives an idle connection at least 46 KiB of buffer, so no backend can hold
// up the sending to the next.
const maxInline = 32 << 10

// patience is how long the client's goroutine reads answers itself, one after the other. What
// takes longer goes on in a goroutine of its own: one slow backend is then not in the way of
// the others' answers, whose time would be up unread.
const patience = 100 * time.Millisecond

// launch begins every delivery of w: those in send at once, the others by their deliverers.
// inline: the client's goroutine may do the sending.
// It returns those that the client's goroutine itself has ended; what became of them is
// applied by await.
func (f *Fanout) launch(x *front.Exchange, w *write, send uint64, inline bool) (ended uint64) {
	if send != f.all {
		f.owe(w, f.all&^send)
	}
	if !inline || len(w.request) > maxInline {
		for i := range w.deliveries {
			if send&(1<<i) != 0 {
				f.start(&w.deliveries[i])
			}
		}
		return 0
	}
	legs, first := uint64(0), -1
	for i := range w.deliveries {
		if send&(1<<i) == 0 {
			continue
		}
		d := &w.deliveries[i]
		if d.conn = d.to.b.Idle(backend.ForWrite); d.conn == nil {
			f.start(d)
			continue
		}
		legs |= 1 << i
		if first < 0 {
			first = i
		}
	}
	if first < 0 {
		return 0
	}
	return f.sendInline(x, w, legs, first)
}

// owe queues the deliveries of w in owed, which were not to be sent at once.
func (f *Fanout) owe(w *write, owed uint64) {
	now := clock.Now()
	f.mu.Lock()
	defer f.unlock()
	w.composing = false
	for i := range w.deliveries {
		d := &w.deliveries[i]
		if owed&(1<<i) == 0 || d.state != waiting {
			continue
		}
		// What is away stays there until its deliverer comes to it.
		if !d.away || d.dropping || w.refused != 0 {
			f.owedAgainLocked(d, now)
		}
		d.to.stir()
	}
}

// sendInline is the fast path: send to all, then read the answers in turn; the first one's
// sending is joined with the wait for its answer.
func (f *Fanout) sendInline(x *front.Exchange, w *write, legs uint64, first int) (ended uint64) {
	look(w, legs)
	for i := first + 1; i < len(w.deliveries); i++ {
		if legs&(1<<i) == 0 {
			continue
		}
		d := &w.deliveries[i]
		if err := d.conn.Send(w.request); err != nil && !f.failedInline(d, err) {
			legs &^= 1 << i
		}
	}
	start := clock.Now()
	until := start + int64(patience)
	kept := false
	for i := first; i < len(w.deliveries); i++ {
		d := &w.deliveries[i]
		if legs&(1<<i) == 0 || d.conn == nil {
			continue
		}
		var err error
		if i == first {
			d.sent = start
			d.conn.Await(start, until)
			err = d.conn.SendReceive(w.request, w.head, &x.Resp)
		} else {
			now := clock.Now()
			if now >= until {
				f.start(d)
				legs &^= 1 << i
				continue
			}
			// Not when it was sent: while nobody reads, an answer that is here must not be late.
			d.sent = now
			d.conn.Await(now, until)
			err = d.conn.Receive(w.head, &x.Resp)
		}
		if !f.readInline(d, err, x, &kept) {
			legs &^= 1 << i
		}
	}
	return legs
}

// look looks at the connections of legs all at once.
func look(w *write, legs uint64) {
	var looks backend.Looks
	for i := range w.deliveries {
		if legs&(1<<i) != 0 {
			looks.Add(w.deliveries[i].conn)
		}
	}
	looks.Look()
}

// readInline goes on after the first receiving on d's connection. It returns false when
// another goroutine has taken over. kept: the client will not want an answer from here on.
func (f *Fanout) readInline(d *delivery, err error, x *front.Exchange, kept *bool) bool {
	if err = f.final(d, d.conn, err, &x.Resp); err != nil {
		return f.failedInline(d, err)
	}
	a := f.heard(d, &x.Resp, !*kept)
	end := f.readResponse(d.conn, a, false)
	if end == bodyWaits {
		d.got = a
		f.start(d)
		return false
	}
	endClaim(d.conn, end)
	d.conn = nil
	f.deliver(d, a)
	*kept = *kept || d.out.response != nil && a.word == "" && f.rules.success.Has(d.out.status)
	return true
}

// failedInline ends d's leg for err, or has another goroutine go on with it.
func (f *Fanout) failedInline(d *delivery, err error) (ended bool) {
	failure := asFailure(err)
	if failure == backend.ErrInterrupted {
		f.start(d)
		return false
	}
	d.conn.Close()
	d.conn = nil
	if failure.Stale {
		f.start(d) // once more, on a fresh connection: the backend has not failed
		return false
	}
	d.out.fail = failure
	return true
}
