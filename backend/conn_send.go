package backend

import (
	"errors"
	"os"
	"time"

	"tutti/clock"
)

// Send writes all of p, blocking while the socket is full (each pause at most StreamTimeout).
// On a re-used connection the first Send looks (MSG_PEEK) whether it is still open:
// ErrStaleUnsent, as when nothing of p could be sent any more. ErrTerminated and ErrStale say
// the backend took only a part; it may have answered already, which Receive tells.
func (c *Conn) Send(p []byte) error {
	if c.isAbandoned() {
		return ErrAbandoned
	}
	look := !c.looked
	c.looked = true
	for {
		n, err := c.sendAll(p, look)
		p = p[n:]
		c.begun = c.begun || n > 0
		if err == nil {
			if c.sending.clear() {
				c.tainted.Store(true)
			}
			return nil
		}
		if f, ok := err.(*Failure); ok {
			c.tainted.Store(true)
			return f
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return c.sendFailed()
		}
		if f := c.cutSending(); f != nil {
			return f
		}
		look = look && !c.begun
	}
}

// sendFailed is what a socket that takes no more bytes means.
func (c *Conn) sendFailed() *Failure {
	c.tainted.Store(true)
	switch {
	case c.isAbandoned():
		return ErrAbandoned
	case c.reused && !c.begun:
		return ErrStaleUnsent
	case c.reused:
		return ErrStale
	}
	return ErrTerminated
}

// cutSending says why a deadline ended a wait in Send, nil when the cut was meant for a wait
// that is over and this one may go on.
func (c *Conn) cutSending() *Failure {
	_ = c.nc.SetWriteDeadline(time.Time{}) // before looking: who raises a flag later cuts later
	if c.isAbandoned() {
		_ = c.nc.SetDeadline(past)
		return ErrAbandoned
	}
	if c.sending.overdue(clock.Now()) {
		c.tainted.Store(true)
		return ErrTimeout
	}
	return nil
}

// armSending starts the clock of a pause in sending.
func (c *Conn) armSending() {
	if d := c.b.o.StreamTimeout; d > 0 && c.sending.set(clock.Now()+int64(d)) {
		c.tainted.Store(true)
	}
}

// Await starts the clock for the answer's head: sent + ResponseTimeout, called when the request's last
// byte was sent. until, if not 0, is an earlier moment (clock.Now) at which Receive returns
// ErrInterrupted; the exchange may then go on, in any goroutine, with another Await and Receive.
func (c *Conn) Await(sent int64, until int64) {
	if c.upload == nil { // otherwise that one knows when
		c.sent(sent)
	}
	c.until.clear()
	if until != 0 {
		c.until.at.Store(max(until, 1))
		c.b.hurry(until)
	}
}

// sent notes that the request was sent whole, and starts the clock.
func (c *Conn) sent(now int64) {
	c.sentWhole.Store(true)
	for {
		v := c.awaiting.at.Load()
		// answered, or marked: a cut that nobody has seen yet.
		if v < 0 || c.awaiting.at.CompareAndSwap(v, now+int64(c.b.o.ResponseTimeout)) {
			return
		}
	}
}
