package backend

import (
	"errors"
	"os"
	"time"

	"tutti/clock"
	"tutti/wire"
)

// maxInterims is how many 1xx answers may come before the final one.
const maxInterims = 16

// Receive blocks for one head, interim ones included, and parses it into resp (which aliases
// the connection's buffer until NextBody or another Receive). A 101 is final. After
// ErrInterrupted it can be called again; what was received of a head is kept.
func (c *Conn) Receive(head bool, resp *wire.Response) error {
	if f := c.mayReceive(); f != nil {
		return f
	}
	for {
		done, err := c.parseHead(head, resp)
		if done {
			return err
		}
		n, err := c.recvSome(c.buf.b[c.w:], false)
		c.w += n
		if err != nil {
			if f := c.receiveFailed(err); f != nil {
				return f
			}
		}
	}
}

// SendReceive is Send and Receive in one wait (one poller round trip): for requests that are
// complete. It starts Await's clock when p is sent; a call of Await before it only serves to
// give until. What the socket does not take at once is sent meanwhile by a goroutine that ends
// at the latest with the claim: p must not change until then.
func (c *Conn) SendReceive(p []byte, head bool, resp *wire.Response) error {
	if !c.sentWhole.Load() {
		c.sent(clock.Now())
	}
	if f := c.mayReceive(); f != nil {
		return f
	}
	for {
		look := !c.looked
		c.looked = true
		sent, n, sendErr, err := c.sendRecv(p, c.buf.b[c.w:], look)
		c.begun = c.begun || sent > 0
		c.w += n
		if sendErr != nil {
			return c.afterSendError(sendErr, head, resp)
		}
		if err == nil {
			if sent < len(p) {
				c.startUpload(p[sent:])
			}
			return c.Receive(head, resp)
		}
		f := c.receiveFailed(err)
		if sent == 0 && (f == nil || f == ErrInterrupted) {
			c.looked = !look // cut before anything was done
			if f == nil {
				continue
			}
			// Who goes on will only receive: the request goes out first.
			if err := c.Send(p); err != nil {
				return err
			}
		}
		if f != nil {
			return f
		}
		return c.Receive(head, resp)
	}
}

// afterSendError reads what the backend said before it closed (traefik#11258), if anything of
// the request had gone out.
func (c *Conn) afterSendError(err error, head bool, resp *wire.Response) error {
	c.tainted.Store(true)
	if f, ok := err.(*Failure); ok {
		return c.fail(f)
	}
	if c.reused && !c.begun {
		return c.fail(ErrStaleUnsent)
	}
	c.sentWhole.Store(false)
	return c.Receive(head, resp)
}

// mayReceive readies the buffer, or tells why there is nothing to receive.
func (c *Conn) mayReceive() *Failure {
	if c.isAbandoned() {
		return ErrAbandoned
	}
	switch c.phase {
	case inHead:
	case broken:
		return c.fault
	case inBody, finished:
		return ErrTerminated
	}
	if c.buf == nil {
		c.buf = c.b.buffers.getSmall()
	}
	return nil
}

// parseHead takes a complete head from the buffer. done is false when more bytes are needed,
// for which there is then room.
func (c *Conn) parseHead(head bool, resp *wire.Response) (done bool, err error) {
	buf := c.buf.b[c.r:c.w]
	end, next, err := wire.HeadEnd(buf, c.scan)
	c.scan = next
	if err != nil || end > c.b.o.MaxHeader {
		return true, c.garbage()
	}
	if end == 0 {
		if len(buf) >= c.b.o.MaxHeader {
			return true, c.garbage()
		}
		c.makeRoom()
		return false, nil
	}
	c.heard = true
	if err := resp.Parse(buf[:end:end]); err != nil {
		return true, c.garbage()
	}
	c.r += end
	c.scan = 0
	if resp.Status < 200 && resp.Status != 101 {
		c.interims++
		if c.interims > maxInterims {
			return true, c.garbage()
		}
		return true, nil
	}
	c.answered(head, resp)
	return true, nil
}

// answered notes the final head.
func (c *Conn) answered(head bool, resp *wire.Response) {
	if c.awaiting.set(answered) {
		c.tainted.Store(true)
	}
	c.until.clear()
	c.early = !c.sentWhole.Load()
	c.close = !resp.KeepAlive
	c.framing = resp.Body(head)
	c.phase = inBody
	switch {
	case resp.Status == 101:
		c.framing, c.close = wire.NoBody, true
	case c.framing == wire.Length:
		c.left = resp.ContentLength
		if c.left == 0 {
			c.phase = finished
		}
		return
	case c.framing == wire.UntilClose:
		c.close = true
	}
	if c.framing == wire.NoBody {
		c.phase = finished
	}
}

// makeRoom makes buf.b[w:] not empty, for a head that is not longer than MaxHeader.
func (c *Conn) makeRoom() {
	switch {
	case c.r == c.w:
		c.r, c.w = 0, 0
		return
	case c.w < len(c.buf.b):
		return
	case c.r > 0:
		c.w = copy(c.buf.b, c.buf.b[c.r:c.w])
		c.r = 0
		return
	}
	old := c.buf
	c.buf = c.b.buffers.getHead()
	c.w = copy(c.buf.b, old.b[:c.w])
	c.b.buffers.put(old)
}

// garbage ends the exchange over an answer that is none.
func (c *Conn) garbage() *Failure { return c.fail(ErrProtocol) }

// fail ends receiving: every later call returns f.
func (c *Conn) fail(f *Failure) *Failure {
	c.phase, c.fault = broken, f
	return f
}

// receiveFailed says what an error in receiving means, nil when the wait may go on.
func (c *Conn) receiveFailed(err error) *Failure {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.cutReceiving()
	case c.isAbandoned():
		return c.fail(ErrAbandoned)
	case c.reused && !c.heard && c.w == 0:
		return c.fail(ErrStale)
	}
	return c.fail(ErrTerminated)
}

// cutReceiving says why a deadline ended a wait in receiving, nil when the cut was meant for a
// wait that is over and this one may go on.
func (c *Conn) cutReceiving() *Failure {
	_ = c.nc.SetReadDeadline(time.Time{}) // before looking: who raises a flag later cuts later
	if c.isAbandoned() {
		_ = c.nc.SetDeadline(past)
		return c.fail(ErrAbandoned)
	}
	now := clock.Now()
	if c.awaiting.overdue(now) || c.reading.overdue(now) {
		c.tainted.Store(true)
		return c.fail(ErrTimeout)
	}
	stop := c.until.overdue(now)
	if stop {
		c.until.clear()
	}
	if c.flags.And(^interrupted)&interrupted == 0 && !stop {
		return nil
	}
	if c.reading.clear() {
		c.tainted.Store(true)
	}
	return ErrInterrupted
}
