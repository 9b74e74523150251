package front

import (
	"errors"
	"syscall"
	"time"

	"tutti/clock"
)

// next is what follows from what is buffered.
type next uint8

// The kinds of next.
const (
	wait  next = iota // for more bytes
	again             // a request was served, look for another
	leave             // the callback: a request is to be served that may read from the client
	stop              // the connection ends
)

// step is the callback of RawConn.Read: it receives, serves every request that is whole in the
// buffer, sends the answers and returns false to wait. The poller was re-armed before the first
// call, so what arrives while it runs is not missed: that is why a request is
// served in here, and why the socket is read to its end before each wait. Nothing in here may
// use net.Conn's Read, which would wait for the lock RawConn.Read holds.
func (c *conn) step(fd uintptr) bool {
	c.fd = fd
	if c.w != nil {
		// what a request served outside the callback left behind
		if c.verdict = c.advance(); c.verdict != wait {
			return true
		}
	}
	progress := false
	for {
		room := c.work().room()
		n, e := recv(fd, room)
		switch {
		case e == syscall.EINTR:
			continue
		case e == syscall.EAGAIN:
			c.verdict = c.rest(progress)
			return c.verdict != wait
		case e != 0 || n == 0:
			c.verdict = c.gone()
			return true
		}
		progress = true
		c.w.n += n
		if c.verdict = c.advance(); c.verdict != wait {
			return true
		}
		// less than there was room for: the socket is empty. With part of a request here it
		// is asked again, since a FIN may have come along.
		if n < len(room) && !c.w.buffered() {
			c.verdict = c.rest(progress)
			return c.verdict != wait
		}
	}
}

// awaitPlain is await with net.Conn's own Read. An idle connection waits with one byte.
func (c *conn) awaitPlain() next {
	for {
		if c.w != nil {
			if v := c.advance(); v != wait {
				return v
			}
			if v := c.rest(true); v != wait {
				return v
			}
		}
		to := c.one[:]
		if c.w != nil {
			to = c.w.room()
		}
		n, err := c.nc.Read(to)
		switch {
		case n > 0 && c.w == nil:
			w := c.work()
			w.n = copy(w.in, c.one[:])
		case n > 0:
			c.w.n += n
		case err != nil && c.phase.load().late():
			c.interrupted()
			return stop
		case err != nil:
			return c.gone()
		}
	}
}

// work returns the connection's work, from the pool when it has none.
func (c *conn) work() *work {
	if c.w == nil {
		w := c.s.works.Get().(*work)
		w.c, w.x.c = c, c
		c.w = w
	}
	return c.w
}

// rest is called before a wait. Without anything buffered the work goes back to the pool.
func (c *conn) rest(progress bool) next {
	w, p := c.w, c.phase.load().phase()
	switch {
	case !w.buffered():
		w.clean()
		c.s.works.Put(w)
		c.w = nil
		if p == heading && !c.enter(idle) {
			return stop
		}
	case w.need > 0:
		// each pause counts
		if (progress || p != arriving) && !c.enter(arriving) {
			return stop
		}
	case p != heading:
		// the head in all counts, from its first byte
		if !c.enter(heading) {
			return stop
		}
	}
	return wait
}

// advance serves the requests that are whole in the buffer.
func (c *conn) advance() next {
	w := c.w
	for w.buffered() && w.n-w.r >= w.need {
		if v := c.request(w); v != again {
			return v
		}
	}
	return wait
}

// request serves the request at the front of the buffer if it is whole.
func (c *conn) request(w *work) next {
	head, err := w.scan(c.s.o.MaxHeader)
	if err != nil {
		return c.refuseFor(err)
	}
	if head == 0 {
		return wait
	}
	x := &w.x
	if err := x.Req.Parse(w.in[w.r : w.r+head]); err != nil {
		return c.refuseFor(err)
	}
	if w.need == 0 {
		x.Start = clock.Now()
	}
	whole, err := w.frame()
	if err != nil {
		return c.refuseFor(err)
	}
	if !whole && w.worthWaiting() {
		w.need = head + int(x.Req.ContentLength)
		return wait
	}
	if !c.enterAnswer() {
		return stop
	}
	c.countRequest()
	if !whole && !x.Req.Chunked {
		w.r += head
		w.body.taken.Store(w.buffered())
	}
	if !whole || x.Req.Upgrade != nil {
		return leave
	}
	return c.serve()
}

// enterAnswer begins the answer to a request that is here. The sweeper may just have given
// the connection up as idle, or as left by a client whose FIN came with the request; what has
// arrived is served nevertheless.
func (c *conn) enterAnswer() bool {
	old := c.phase.enter(at(answering, c.s.now()))
	switch {
	case !old.late():
		return true
	case old.phase() == fresh || old.phase() == idle:
		return c.readAgain(time.Time{}) // behind the sweeper's cut: nothing is left of that
	}
	c.overdue(old)
	return false
}

// worthWaiting tells whether the handler gets the body whole: it is small and its client
// sends it unasked. A chunked one may be a stream that waits for an answer.
func (w *work) worthWaiting() bool {
	r := &w.x.Req
	return !r.Chunked && !r.Expect && r.Upgrade == nil && r.ContentLength <= wholeBody
}

// refuseFor ends the connection with the answer err asks for.
func (c *conn) refuseFor(err error) next {
	c.countRequest()
	e := errCutShort
	errors.As(err, &e)
	return c.refuse(e)
}

// serve has the request answered: inside the callback, or outside when that was left for it.
func (c *conn) serve() next {
	w := c.w
	c.s.o.Handler.Serve(&w.x)
	if c.s.o.Ended != nil {
		c.tellServed(&w.x)
	}
	return c.finish(w)
}

// finish sends what the handler left to send and makes ready for the next request.
func (c *conn) finish(w *work) next {
	x := &w.x
	switch {
	case x.tunnelled:
		return stop
	case x.aborted || c.left.Load():
		if x.begun {
			c.ended = endReset
		}
		return stop
	case c.broken || x.Flush() != nil:
		c.ended = endReset
		return stop
	case !x.begun:
		// not answered at all: the client must not take another request's answer for this one's
		return stop
	case !x.KeepAlive():
		// The client may be sending more: what is here or not says nothing of what is on its way.
		c.ended = endLinger
		return stop
	}
	w.next()
	p := idle
	if w.buffered() {
		p = heading // idle, it would be closed at the FIN that may be behind what is here
	}
	if !c.enter(p) {
		return stop
	}
	return again
}
