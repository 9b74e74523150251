package fanout

import (
	"sync"

	"tutti/backend"
	"tutti/clock"
	"tutti/wire"
)

// maxIdleLegs is how many goroutines are kept for the next deliveries.
const maxIdleLegs = 128

// leg is a goroutine that sends deliveries, one after the other, and what it keeps for that.
type leg struct {
	f    *Fanout
	resp wire.Response

	mu   sync.Mutex // guards conn: whoever has it may abandon
	conn interface{ Abandon() }
}

// Hold implements backend.Holder.
func (l *leg) Hold(c interface{ Abandon() }) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = c
	if c != nil && l.f.cutting.Load() {
		c.Abandon()
	}
}

// abandon cuts what the leg is at.
func (l *leg) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.conn.Abandon()
	}
}

// start has d, which is sending, sent by another goroutine. After Close began it is put back.
func (f *Fanout) start(d *delivery) {
	select {
	case f.legs <- d:
		return
	default:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.startLocked(d)
}

// startLocked is start under the lock.
func (f *Fanout) startLocked(d *delivery) {
	if f.closed {
		f.putBackLocked(d)
		return
	}
	select {
	case f.legs <- d:
	default:
		l := &leg{f: f}
		f.live[l] = struct{}{}
		f.running.Go(func() { l.run(d) })
	}
}

// putBackLocked makes d owed again, as it was.
func (f *Fanout) putBackLocked(d *delivery) {
	if d.conn != nil {
		d.conn.Close()
		f.freeResponse(d.got)
		d.conn, d.got = nil, nil
	}
	d.to.queue.ended(d)
	f.ledger.move(d, waiting, clock.Now())
	if leads(d) {
		d.to.queue.add(d)
	}
}

// run sends d, then what its deliverer has next, then waits for more unless enough others do.
func (l *leg) run(d *delivery) {
	f := l.f
	for {
		for d != nil {
			l.send(d)
			d = f.finish(d)
		}
		if f.idleLegs.Add(1) > maxIdleLegs {
			break
		}
		select {
		case d = <-f.legs:
			f.idleLegs.Add(-1)
			continue
		case <-f.quit:
		}
		break
	}
	f.idleLegs.Add(-1)
	f.mu.Lock()
	delete(f.live, l)
	f.mu.Unlock()
}

// send is one attempt, or the rest of one that another goroutine began. It leaves what became
// of it in d.out.
func (l *leg) send(d *delivery) {
	f, c, a := l.f, d.conn, d.got
	d.conn, d.got = nil, nil
	if c != nil {
		l.Hold(c)
	}
	if a == nil {
		if c, a = l.head(d, c); a == nil {
			return
		}
	}
	end := f.readResponse(c, a, true)
	l.Hold(nil)
	endClaim(c, end)
	f.deliver(d, a)
}

// head gets an answer's head: that of the request already sent on c, or else of one it sends.
// The answer is nil when there is none; otherwise c is held.
func (l *leg) head(d *delivery, c *backend.Conn) (*backend.Conn, *response) {
	f := l.f
	if c != nil {
		if d.sent == 0 {
			d.sent = clock.Now()
		}
		c.Await(d.sent, 0)
		err := f.final(d, c, c.Receive(d.w.head, &l.resp), &l.resp)
		if err == nil {
			return c, f.heard(d, &l.resp, true)
		}
		l.Hold(nil)
		c.Close()
		if !asFailure(err).Stale {
			d.out.fail = asFailure(err)
			return nil, nil
		}
	}
	if d.w.lane != nil {
		if d.out.fail = f.yields(d); d.out.fail != nil {
			return nil, nil
		}
	}
	c, err := d.to.b.Exchange(backend.ForWrite, 0, d.w.request, d.w.head, true, l, &l.resp)
	if err != nil {
		d.out.fail = asFailure(err)
		return nil, nil
	}
	return c, f.heard(d, &l.resp, true)
}
