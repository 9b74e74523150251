package backend

import (
	"time"

	"tutti/clock"
	"tutti/wire"
)

// Exchange claims a connection, sends req (a whole request, which must not change until the
// claim ends) and receives the final answer's head into resp. 1xx answers are skipped (at most
// 16; more is ErrProtocol). A kept connection found closed before anything was sent is replaced by another
// one; one that turns out stale afterwards is replaced by a fresh one, once, if resend is set. It tells
// Group about success and failure and counts the metrics. On success the Conn is positioned at
// the body and the caller must read it (NextBody) and Release, or Close; hold (nil is allowed) still holds it.
// On an error no claim is left. A 101 is returned like any answer. head: the request was HEAD.
func (b *Backend) Exchange(u Use, wait time.Duration, req []byte, head, resend bool, hold Holder, resp *wire.Response) (*Conn, error) {
	start := clock.Now()
	fresh := false
	for {
		c, err := b.acquire(u, wait, fresh)
		if err != nil {
			return nil, b.failed(err)
		}
		if hold != nil {
			hold.Hold(c)
		}
		err = c.exchange(req, head, resp)
		if err == nil {
			b.Succeeded()
			if b.m != nil {
				b.m.Served(resp.Status, clock.Now()-start)
			}
			return c, nil
		}
		if hold != nil {
			hold.Hold(nil)
		}
		c.Close()
		switch {
		case err == ErrStaleUnsent:
			// At most MaxConns of them are idle, and the one that replaces them all is fresh.
		case err == ErrStale && resend && !fresh:
			fresh = true
		default:
			return nil, b.failed(err)
		}
	}
}

// failed counts an exchange without an answer and passes its error on.
func (b *Backend) failed(err error) error {
	f, ok := err.(*Failure)
	if !ok || f == ErrBusy {
		return err
	}
	b.Failed(f)
	if b.m != nil {
		b.m.Error()
	}
	return err
}

// exchange is one try on c.
func (c *Conn) exchange(req []byte, head bool, resp *wire.Response) error {
	err := c.SendReceive(req, head, resp)
	for err == nil && c.phase == inHead {
		err = c.Receive(head, resp)
	}
	return err
}
