package proxy

import (
	"sync"

	"tutti/backend"
	"tutti/front"
	"tutti/wire"
)

// upgrade forwards a request that asks for another protocol (RFC 9110 §7.8) and, if the
// backend agrees with 101, becomes a tunnel. A request
// whose body is still on its way is streamed without the upgrade: it can't precede a tunnel.
func (p *Balancer) upgrade(x *front.Exchange, body []byte) {
	o := x.Outgoing(p.o.Pseudonym)
	o.KeepUpgrade = true
	if x.Req.HasBody() {
		o.Framing, o.ContentLength = wire.Length, int64(len(body))
	}
	x.Up = append(wire.AppendRequest(x.Up[:0], &x.Req, &o), body...)
	b := p.o.Group.Pick(0)
	if b == nil {
		fail(x, errNoBackend)
		return
	}
	trying(x, b)
	c, err := b.Exchange(backend.ForRead, p.o.QueueTimeout, x.Up, false, false, (*client)(x), &x.Resp)
	if err != nil {
		fail(x, asFailure(err))
		return
	}
	if x.Resp.Status != 101 {
		failure := relay(x, c, false)
		x.Hold(nil)
		if failure != nil {
			c.Close()
			fail(x, failure)
			return
		}
		c.Release()
		return
	}
	x.Hold(nil)
	p.tunnel(x, c)
	c.Close()
}

// tunnel answers 101 and copies both ways until either side ends or nothing has moved for
// StreamTimeout. What was read with the heads goes first.
func (p *Balancer) tunnel(x *front.Exchange, c *backend.Conn) {
	x.Status = x.Resp.Status
	x.Out = wire.AppendResponse(x.Out, &x.Resp, &wire.Incoming{KeepAlive: true, Minor: x.Req.Minor, Upgrade: true})
	fromServer, server := c.Tunnel()
	x.Out = append(x.Out, fromServer...)
	if x.Flush() != nil {
		x.Abort()
		return
	}
	fromClient, conn := x.Tunnel()
	if len(fromClient) > 0 {
		if _, err := server.Write(fromClient); err != nil {
			return
		}
	}
	t := tunnel{idle: p.o.StreamTimeout, a: conn, b: server}
	t.touch()
	var wg sync.WaitGroup
	wg.Go(func() { t.copy(server, conn) })
	x.Trace.Tunnelled = t.copy(conn, server)
	wg.Wait()
}
