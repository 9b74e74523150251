package proxy

import (
	"errors"
	"time"

	"tutti/answer"
	"tutti/backend"
	"tutti/clock"
	"tutti/front"
	"tutti/route"
	"tutti/wire"
)

// graceForUpload is how long an upload may still end by itself once its answer has begun.
const graceForUpload = 50 * time.Millisecond

// stream forwards a request whose body is still on its way. Nothing of the body is kept, so
// it can be sent to another backend only as long as none of it was read.
func (p *Balancer) stream(x *front.Exchange) {
	o := x.Outgoing(p.o.Pseudonym)
	o.KeepExpect = x.Req.Expect
	o.Framing, o.ContentLength = wire.Length, x.Req.ContentLength
	if x.Req.Chunked {
		o.Framing = wire.Chunks
	}
	x.Up = wire.AppendRequest(x.Up[:0], &x.Req, &o)
	c, failure := p.open(x)
	if failure != nil {
		fail(x, failure)
		return
	}
	u := startUpload(x, c)
	failure = streamed(x, c, u)
	x.Hold(nil)
	if failure != nil {
		u.cut(x, c)
		c.Close()
		failStream(x, u, failure)
		return
	}
	if !u.endsWithin(0) {
		u.cut(x, c)
		c.Close()
		return
	}
	c.Release()
}

// open connects to a backend and sends it the head.
func (p *Balancer) open(x *front.Exchange) (*backend.Conn, *backend.Failure) {
	var tried backend.Set
	failure := errNoBackend
	wait := p.o.QueueTimeout
	for range p.o.Tries {
		b := p.o.Group.Pick(tried)
		if b == nil {
			break
		}
		tried = tried.With(b)
		trying(x, b)
		var c *backend.Conn
		if c, failure = p.openOn(x, b, wait); failure == nil {
			return c, nil
		}
		if failure == backend.ErrBusy {
			wait = 0 // it has waited
		}
		if failure.Outcome != backend.Unsent && !route.IsSafe(x.Req.Method) {
			break
		}
	}
	return nil, failure
}

// openOn waits for a connection of b and sends the head. Kept connections that turn out closed
// cost nothing: the pool hands out the next one, in the end a fresh one.
func (p *Balancer) openOn(x *front.Exchange, b *backend.Backend, wait time.Duration) (*backend.Conn, *backend.Failure) {
	for {
		c, err := b.Acquire(backend.ForUpload, wait)
		if err != nil {
			failure := asFailure(err)
			if failure != backend.ErrBusy {
				b.Failed(failure)
				b.Metrics().Error()
			}
			return nil, failure
		}
		err = c.Send(x.Up)
		if err == nil {
			x.Hold(c)
			return c, nil
		}
		reused, failure := c.Reused(), asFailure(err)
		c.Close()
		if failure.Stale && failure.Outcome == backend.Unsent && reused {
			continue
		}
		b.Failed(failure)
		b.Metrics().Error()
		return nil, failure
	}
}

// streamed receives the answer while the upload goes on, and relays it.
func streamed(x *front.Exchange, c *backend.Conn, u *upload) *backend.Failure {
	head := string(x.Req.Method) == "HEAD"
	err := c.Receive(head, &x.Resp)
	for err == nil && x.Resp.Status < 200 && x.Resp.Status != 101 {
		if err = interim(x, &x.Resp); err == nil {
			err = c.Receive(head, &x.Resp)
		}
	}
	if err == nil && x.Resp.Status == 101 {
		err = backend.ErrProtocol
	}
	if err != nil {
		failure := u.blame(asFailure(err))
		if failure != backend.ErrTerminated || u.endsWithin(0) {
			// Otherwise it may just be tired of a body that does not come, which would let
			// slow clients take backends out.
			c.Backend().Failed(failure)
		}
		c.Backend().Metrics().Error()
		return failure
	}
	c.Backend().Succeeded()
	c.Backend().Metrics().Served(x.Resp.Status, clock.Now()-x.Start)
	if u.endsWithin(graceForUpload) {
		c.Uploaded()
	} else {
		// The answer came before the request's end. Bytes still to come could not be told
		// from a next request, so neither connection is kept (Traefik #11258).
		x.CloseAfter()
	}
	return relay(x, c, head)
}

// failStream answers for a streamed request that failed: the client's own fault first.
func failStream(x *front.Exchange, u *upload, failure *backend.Failure) {
	err := u.client
	var malformed *wire.Error
	switch {
	case err == nil || errors.Is(err, front.ErrBodyCut) || x.Begun():
		x.CloseAfter() // cut by ourselves, or complete: the client is not to blame
		fail(x, failure)
	case errors.Is(err, front.ErrClientSlow):
		refuse(x, 408, "The body did not arrive in time.")
	case errors.As(err, &malformed):
		refuse(x, malformed.Status, malformed.Detail)
	default:
		x.Status = statusLeft
		x.Abort()
	}
}

func refuse(x *front.Exchange, status int, detail string) {
	x.CloseAfter()
	x.Status = status
	x.Out = answer.Append(x.Out, &answer.Problem{Status: status, Error: "http_request_error", Detail: detail},
		answer.Reply{Minor: x.Req.Minor})
}
