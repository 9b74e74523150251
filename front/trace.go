package front

import (
	"bytes"

	"tutti/clock"
	"tutti/wire"
)

// Trace is what those who answer a request note about it for Options.Ended.
type Trace struct {
	Route     string // "balance", "fanout", "own" or "refused"
	Backend   string // of a read: host:port of the backend that was asked last
	Tries     int    // attempts at asking a backend
	Upstream  int64  // nanoseconds from the first of them to the answer's end
	Backends  int    // of a write: how many are to have it
	Delivered int    // of them those that had it when the client was answered
	WriteID   string // of a write: its id, if the client was told
	RequestID [16]byte
	Tunnelled int64 // bytes that went to the client through a tunnel
}

// Traced tells whether anybody will look at x.Trace: what costs a look at the clock need not
// be noted otherwise.
func (x *Exchange) Traced() bool { return x.c.s.o.Ended != nil }

// Line is the request line as it came, without its end; of a refused request, and of one cut
// short, as far as it came, whatever is in it.
func (x *Exchange) Line() []byte {
	line, _, _ := bytes.Cut(x.Req.Head, crlf[1:])
	return bytes.TrimSuffix(line, crlf[:1])
}

// BodySent is how many bytes of the answer's body have gone to the client's socket, as they
// were framed, and through a tunnel.
func (x *Exchange) BodySent() int64 { return max(x.sent-x.before, 0) + x.Trace.Tunnelled }

// start is called before the first byte of the final answer is sent, its whole head being in Out.
func (x *Exchange) start() {
	x.begun = true
	if x.Traced() {
		x.before = x.sent + int64(len(x.Out))
		if i := bytes.Index(x.Out, blank); i >= 0 {
			x.before = x.sent + int64(i+len(blank))
		}
	}
}

var blank = []byte("\r\n\r\n")

// tellServed tells of a request that the handler has answered, once the answer is sent.
func (c *conn) tellServed(x *Exchange) {
	if !x.tunnelled && !x.aborted && !c.broken && !c.left.Load() {
		_ = x.Flush() // finish sees that it failed
	}
	c.s.o.Ended(x)
}

// tellRefused tells of a request that the handler was not asked for. Nothing in it is to be
// relied on; it may be part of one.
func (c *conn) tellRefused(status int) {
	c.s.o.Handler.Refuse(status)
	if c.s.o.Ended == nil {
		return
	}
	w := c.work()
	x := &w.x
	x.Req = wire.Request{Head: w.in[w.r:w.n], Fields: x.Req.Fields[:0], ContentLength: -1}
	x.Start, x.Status = clock.Now(), status
	x.Trace.Route = "refused"
	c.s.o.Ended(x)
}
