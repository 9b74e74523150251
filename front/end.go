package front

import (
	"errors"
	"net"
	"runtime/debug"
	"time"

	"tutti/answer"
)

// How long, and how much, a connection is read after its last answer so that the client sees
// the answer and not a reset.
const (
	lingerTime  = time.Second
	lingerBytes = 64 << 20
)

// bid ends the connection as was decided, outside of the callback.
func (c *conn) bid() {
	c.phase.enter(at(closing, c.s.now()))
	switch c.ended {
	case endRefuse:
		c.answerRefusal()
		c.linger()
	case endLinger:
		c.linger()
	case endReset:
		c.reset()
	case endSilent:
	}
}

// answerRefusal answers what the handler is not asked for.
func (c *conn) answerRefusal() {
	e, x := c.refusal, &c.work().x
	p := answer.Problem{Status: e.Status, Error: "http_request_error", Detail: e.Detail}
	switch e.Status {
	case 405:
		p.Error, p.Allow = "http_request_denied", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
	case 505:
		p.Error = "http_request_denied"
	}
	x.Out = answer.Append(x.Out[:0], &p, answer.Reply{Minor: 1})
	if x.Flush() != nil {
		c.broken = true
	}
	c.tellRefused(e.Status)
}

// linger half-closes and throws away what still arrives: closing with bytes unread would
// send a reset, which can overtake the answer (RFC 9112 §9.6).
func (c *conn) linger() {
	if c.broken {
		return
	}
	nc, err := c.halfClose()
	if err != nil || !c.readAgain(time.Now().Add(lingerTime)) {
		return
	}
	in := c.work().in
	for total := 0; total < lingerBytes; {
		n, err := nc.Read(in)
		if err != nil {
			return
		}
		total += n
	}
}

// halfClose says that nothing more is sent and returns where to read what still comes.
func (c *conn) halfClose() (net.Conn, error) {
	if c.tls != nil {
		return c.tls.Finish()
	}
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return c.nc, half.CloseWrite()
}

// reset makes the close that follows a reset: whatever the framing, the client sees that
// the answer was cut short.
func (c *conn) reset() {
	if c.tls != nil {
		c.tls.Reset()
		return
	}
	if tc, ok := c.nc.(*net.TCPConn); ok {
		_ = tc.SetLinger(0)
	}
}

// end closes the connection. Nobody else does but Server.Close, for a tunnel.
func (c *conn) end() {
	c.phase.enter(at(closing, c.s.now()))
	if w := c.w; w != nil {
		c.w = nil
		w.clean()
		c.s.works.Put(w)
	}
	_ = c.nc.Close()
	c.s.forget(c)
}

// recovered cuts the connection of a handler that panicked, which is a bug, and keeps the
// process. What the handler may still be using is not used again.
func (c *conn) recovered() {
	p := recover()
	if p == nil {
		return
	}
	c.s.o.Log.Error("a handler panicked: this is a bug; its connection is cut",
		"panic", p, "stack", string(debug.Stack()))
	c.w = nil
	c.setHold(nil)
	c.reset()
}
