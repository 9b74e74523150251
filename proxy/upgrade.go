package proxy

import (
	"sync"

	"tutti/backend"
	"tutti/front"
	"tutti/wire"
)

// tunnel answers the 101 in x.Resp (RFC 9110 §7.8) and copies both ways until either side ends or
// nothing has moved for StreamTimeout. What was read with the heads goes first.
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
	t := tunnel{idle: p.o.StreamTimeout, a: conn, b: server}
	t.touch()
	if len(fromClient) > 0 {
		if _, err := server.Write(fromClient); err != nil {
			return
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { t.copy(server, conn) })
	x.Trace.Tunnelled = t.copy(conn, server)
	wg.Wait()
}
