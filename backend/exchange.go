package backend

import (
	"time"

	"tutti/clock"
	"tutti/wire"
)

// maxStale is how many connections that are closed Exchange takes before it dials.
const maxStale = 16

// Exchange claims a connection, sends req (a whole request, which must not change until the
// claim ends) and receives the final answer's head into resp; head says that it is a HEAD.
//
// A kept connection found closed before anything was sent is replaced by another one. One that
// turns out stale afterwards, be it by a 408 that closes it, is replaced by a fresh one, once,
// if resend is set. 1xx answers are skipped, or passed to hold if it is an Interims (at most
// 16; more is ErrProtocol). A 101 is returned like any answer, but to a write: ErrProtocol, for no
// Upgrade is passed on with one.
//
// It tells the group about success and failure and counts the metrics. On success the Conn is
// positioned at the body, hold (nil is allowed) holds it, and the caller must read the body
// (NextBody) and Release, or Close. On an error no claim is left and nothing is held.
func (b *Backend) Exchange(u Use, wait time.Duration, req []byte, head, resend bool, hold Holder, resp *wire.Response) (*Conn, error) {
	start := clock.Now()
	fresh := false
	for try := 1; ; try++ {
		c, err := b.acquire(u, wait, fresh)
		if err != nil {
			return nil, b.failed(err)
		}
		if hold != nil {
			hold.Hold(c)
		}
		err = c.exchange(req, head, hold, resp)
		if err == nil && resend && !fresh && c.Tired(resp) {
			err = ErrStale
		}
		if err == nil && u == ForWrite && resp.Status == 101 {
			err = ErrProtocol
		}
		if err == nil {
			b.Succeeded()
			b.m.Served(resp.Status, clock.Now()-start)
			return c, nil
		}
		if hold != nil {
			hold.Hold(nil)
		}
		c.Close()
		switch {
		case err == ErrStaleUnsent:
			fresh = try >= maxStale
		case err == ErrStale && resend && !fresh:
			fresh = true
		default:
			return nil, b.failed(err)
		}
	}
}

// Tired tells whether the answer just received is that of a server which closes a kept connection it has
// got tired of, sent at the very moment of the request. It may be repeated (RFC 9110 §15.5.9).
func (c *Conn) Tired(resp *wire.Response) bool {
	return resp.Status == 408 && c.reused && c.close && c.interims == 0
}

// failed counts an exchange without an answer and passes its error on.
func (b *Backend) failed(err error) error {
	f, ok := err.(*Failure)
	if !ok || f == ErrBusy {
		return err
	}
	b.Failed(f)
	b.m.Error()
	return err
}

// exchange is one try on c.
func (c *Conn) exchange(req []byte, head bool, hold Holder, resp *wire.Response) error {
	err := c.SendReceive(req, head, resp)
	for err == nil && c.phase == inHead {
		if h, ok := hold.(Interims); ok && h.Interim(resp) != nil {
			return ErrAbandoned
		}
		err = c.Receive(head, resp)
	}
	return err
}
