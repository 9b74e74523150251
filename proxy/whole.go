package proxy

import (
	"time"

	"tutti/backend"
	"tutti/front"
	"tutti/route"
	"tutti/wire"
)

// whole forwards a request that is in memory from head to end: it can be sent again, and it may
// become a tunnel.
//
// Another try is made only before a byte of the answer has reached the client, and for an
// unsafe method only if nothing of it can have been acted on (RFC 9110 §9.2.2).
func (p *Balancer) whole(x *front.Exchange, body []byte) {
	safe := route.IsSafe(x.Req.Method)
	var tried backend.Set
	failure := errNoBackend
	wait := p.o.QueueTimeout
	x.Up = p.appendWhole(x, x.Up[:0], body)
	for range p.o.Tries {
		b := p.o.Group.Pick(tried)
		if b == nil {
			break
		}
		tried = tried.With(b)
		trying(x, b)
		failure = p.once(x, b, safe, wait)
		if failure == nil {
			return
		}
		if x.Begun() || left(x, failure) || (!safe && failure.Outcome != backend.Unsent) {
			break
		}
		if failure == backend.ErrBusy {
			wait = 0 // it has waited
		}
	}
	fail(x, failure)
}

// once makes one exchange with b, whose connection it waits for, and relays its answer.
func (p *Balancer) once(x *front.Exchange, b *backend.Backend, safe bool, wait time.Duration) *backend.Failure {
	head := string(x.Req.Method) == "HEAD"
	c, err := b.Exchange(backend.ForRead, wait, x.Up, head, safe, (*client)(x), &x.Resp)
	if err != nil {
		return asFailure(err)
	}
	failure := p.answer(x, c, head)
	x.Hold(nil)
	if failure != nil {
		c.Close()
		return failure
	}
	c.Release() // a tunnel's connection is closed by it
	return nil
}

// answer passes on what the backend answered.
func (p *Balancer) answer(x *front.Exchange, c *backend.Conn, head bool) *backend.Failure {
	switch {
	case x.Resp.Status != 101:
		return relay(x, c, head)
	case x.Req.Upgrade == nil:
		return unasked(c)
	}
	x.Hold(nil)
	p.tunnel(x, c)
	return nil
}

// appendWhole appends a whole request. A chunked body that is here gets a length, unless
// trailers come with it.
func (p *Balancer) appendWhole(x *front.Exchange, dst, body []byte) []byte {
	o := x.Outgoing(p.o.Pseudonym)
	o.KeepUpgrade = true
	trailers := x.Trailers()
	switch {
	case len(trailers) > 0:
		o.Framing = wire.Chunks
	case x.Req.HasBody():
		o.Framing, o.ContentLength = wire.Length, int64(len(body))
	}
	dst = wire.AppendRequest(dst, &x.Req, &o)
	if len(trailers) > 0 {
		return wire.AppendLastChunk(wire.AppendChunk(dst, body), trailers)
	}
	return append(dst, body...)
}
