package front

import (
	"bytes"
	"net"

	"tutti/wire"
)

// Exchange is one request and its answer. It belongs to the connection.
type Exchange struct {
	Req   wire.Request
	Start int64 // clock.Now() when its head was complete

	Out    []byte        // the answer's bytes not yet sent; append to it. Sent by Flush or by the loop
	Up     []byte        // scratch for the handler (a forwarded head, say); capacity is kept
	Resp   wire.Response // scratch for the handler
	Status int           // set by the handler: the answer's final status
	Trace  Trace         // set by the handler: what else is known about the answer

	c *conn
	w *work

	begun      bool
	continued  bool
	closeAfter bool
	aborted    bool
	tunnelled  bool
	keep       verdict

	sent   int64 // bytes that went to the socket
	before int64 // of them those before the final answer's body
}

// verdict is what KeepAlive said.
type verdict uint8

const (
	unasked verdict = iota
	kept
	notKept
)

func (x *Exchange) reset() {
	x.Out, x.Up = x.Out[:0], x.Up[:0]
	x.Status = 0
	x.Trace = Trace{}
	x.sent, x.before = 0, 0
	x.begun, x.continued, x.closeAfter, x.aborted, x.tunnelled = false, false, false, false, false
	x.keep = unasked
	if x.w.lookup != nil {
		x.w.lookup.parsed = false
	}
}

// ClientIP is the peer's address without port, formatted once per connection.
func (x *Exchange) ClientIP() string {
	c := x.c
	if c.ip == "" && c.addr.IsValid() {
		c.ip = c.addr.String()
	}
	return c.ip
}

// Loopback tells whether the peer is on a loopback address.
func (x *Exchange) Loopback() bool { return x.c.addr.IsLoopback() }

// Continue sends 100 Continue now if the client waits for one and none was sent: it asked
// for it in HTTP/1.1 and no byte of the body has arrived.
func (x *Exchange) Continue() error {
	if !x.Req.Expect || x.Req.Minor == 0 || x.continued || x.begun || x.w.body.taken.Load() {
		return nil
	}
	x.continued = true
	return x.c.send(nil, continueLine)
}

var continueLine = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// Begun tells whether a byte of the final answer has gone to the socket.
func (x *Exchange) Begun() bool { return x.begun }

// KeepAlive tells whether the connection will serve another request after this answer: what
// to write in its head. It is false when the body was not read to its end, the client asked
// for close, or the server drains. What it said once it says for the rest of this exchange,
// but for CloseAfter.
func (x *Exchange) KeepAlive() bool {
	if x.keep == unasked {
		x.keep = notKept
		if b := &x.w.body; x.Req.KeepAlive && b.done.Load() && !b.cut.Load() && !x.c.s.draining() {
			x.keep = kept
		}
	}
	return x.keep == kept && !x.closeAfter
}

// CloseAfter ends the connection after this answer.
func (x *Exchange) CloseAfter() { x.closeAfter = true }

// Flush sends Out now, blocking while the client does not take it (each pause at most
// ClientTimeout). Errors: ErrClientLeft, ErrClientSlow; nothing more can be sent then.
func (x *Exchange) Flush() error {
	if len(x.Out) == 0 {
		return nil
	}
	return x.Write(nil)
}

// Write sends Out and then p, without copying p. Errors as Flush.
func (x *Exchange) Write(p []byte) error {
	if x.aborted {
		x.Out = x.Out[:0]
		return ErrClientLeft
	}
	if !x.begun {
		x.start()
	}
	err := x.c.send(x.Out, p)
	x.Out = x.Out[:0]
	return err
}

// Interim sends Out, which holds a 1xx answer, now; it does not count as Begun. A client that
// speaks HTTP/1.0 is not sent any (RFC 9110 §15.2).
func (x *Exchange) Interim() error {
	out := x.Out
	x.Out = x.Out[:0]
	if x.Req.Minor == 0 || len(out) == 0 {
		return nil
	}
	if bytes.HasPrefix(out, continueLine[:len("HTTP/1.1 100")]) {
		x.continued = true
	}
	return x.c.send(out, nil)
}

// Abort cuts the connection when the handler returns: no more bytes, the end visibly missing.
func (x *Exchange) Abort() {
	x.aborted = true
	x.Out = x.Out[:0]
}

// Hold names the backend connection in use (nil: none), which the front abandons when the
// client is seen to have left while its answer is awaited. Implements backend.Holder.
// After Hold(nil) it is not abandoned any more.
func (x *Exchange) Hold(c interface{ Abandon() }) { x.c.setHold(c) }

// Left tells whether the client was seen to have left.
func (x *Exchange) Left() bool { return x.c.left.Load() }

// Dismissed tells whether backend connections in use are given up because the server stops: the
// client is there and can still be answered, at once.
func (x *Exchange) Dismissed() bool { return x.c.s.dismissed.Load() }

// Tunnel hands the client's side over after a 101 was flushed: what was already read, then
// the connection, which has no deadline set. The handler copies both ways and returns when
// done; the connection is then closed. Drain waits for tunnels until its context is done;
// Close closes them. Only a request with Upgrade can become one: for others, and when the
// client left before the 101, the connection is nil.
func (x *Exchange) Tunnel() (buffered []byte, c net.Conn) {
	if x.c.inside || x.Req.Upgrade == nil || x.Flush() != nil {
		return nil, nil
	}
	x.tunnelled = true
	x.begin()
	return x.w.in[x.w.r:x.w.n], x.c.nc
}

// begin makes the connection a tunnel, or closes it when Server.Close was first.
func (x *Exchange) begin() {
	c := x.c
	c.phase.enter(at(tunnelling, c.s.now()))
	if c.killed() {
		_ = c.nc.Close()
	}
}
