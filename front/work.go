package front

import (
	"bytes"

	"tutti/wire"
)

// How large a connection's buffers are.
const (
	firstIn   = 4 << 10  // what a receive buffer starts with; it doubles when it has to
	wholeBody = 16 << 10 // a body up to this waits in the buffer until it is all here; nobody counts it
	keptOut   = 64 << 10 // a larger out buffer is not kept
	keptField = 256      // nor is room for more fields
	maxBlanks = 16       // bytes of blank lines before a request (RFC 9112 §2.2)
)

// work is what a connection needs while bytes of a request are buffered or a request is
// served; an idle connection has none.
type work struct {
	c *conn
	x Exchange

	in      []byte // in[r:n] was received and not used
	r, n    int
	scanned int // how far the head's end was looked for, from r
	head    int // the head's length once it was found
	need    int // bytes of head and body that are waited for, 0 when not known

	body body

	a, b     []byte // what sendStep sends
	sendErr  error
	stalling bool // sendStep notes progress for the sweeper
	sendFn   func(fd uintptr) bool
	vec      vector
	emptying emptying

	lookup *lookup
}

func newWork() any {
	w := &work{in: make([]byte, firstIn)}
	w.x.w = w
	w.sendFn = w.sendStep
	return w
}

func (w *work) buffered() bool { return w.r < w.n }

// room returns where to receive, at least a byte. It may move what is buffered: a request
// whose body is waited for is parsed again when it is whole.
func (w *work) room() []byte {
	if w.n == len(w.in) {
		if w.r > 0 {
			w.n = copy(w.in, w.in[w.r:w.n])
			w.r = 0
		}
		if w.n > len(w.in)/2 {
			grown := make([]byte, 2*len(w.in))
			copy(grown, w.in[:w.n])
			w.in = grown
		}
	}
	return w.in[w.n:]
}

// putBack appends p to what is buffered, without moving what is before r: the head of the
// request that is being served.
func (w *work) putBack(p []byte) {
	if len(w.in)-w.n < len(p) {
		grown := make([]byte, max(len(w.in), len(p)+w.n-w.r))
		w.n = copy(grown, w.in[w.r:w.n])
		w.r = 0
		w.in = grown
	}
	w.n += copy(w.in[w.n:], p)
}

// scan looks for the end of a head at the front of the buffer, 0 when there is more to
// come. What is past limit is never looked at, so that the answer does not depend on how
// the bytes arrived.
func (w *work) scan(limit int) (int, error) {
	if w.head > 0 {
		return w.head, nil
	}
	w.skipBlank()
	seen := w.in[w.r:w.n]
	if len(seen) > limit {
		seen = seen[:limit]
	}
	end, next, err := wire.HeadEnd(seen, w.scanned)
	if err != nil {
		return 0, err
	}
	w.scanned = next
	if end == 0 && len(seen) == limit {
		return 0, errTooLarge
	}
	w.head = end
	return end, nil
}

// skipBlank drops blank lines before a request: some clients send one after a body.
func (w *work) skipBlank() {
	for w.c.blanks < maxBlanks && bytes.HasPrefix(w.in[w.r:w.n], crlf) {
		w.r += len(crlf)
		w.c.blanks += uint8(len(crlf))
		w.scanned = 0
	}
}

var crlf = []byte("\r\n")

// next makes w ready for another request.
func (w *work) next() {
	w.scanned, w.head, w.need = 0, 0, 0
	w.c.blanks = 0
	w.body.reset()
	w.x.reset()
	if w.r == w.n {
		w.r, w.n = 0, 0
	}
}

// clean makes w ready for another connection.
func (w *work) clean() {
	w.next()
	w.r, w.n = 0, 0
	w.c, w.x.c = nil, nil
	if cap(w.x.Out) > keptOut {
		w.x.Out = nil
	}
	if cap(w.x.Up) > keptOut {
		w.x.Up = nil
	}
	if cap(w.x.Req.Fields) > keptField {
		w.x.Req.Fields = nil
	}
	if cap(w.x.Resp.Fields) > keptField {
		w.x.Resp.Fields = nil
	}
}
