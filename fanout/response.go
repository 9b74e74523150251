package fanout

import (
	"io"
	"sync/atomic"

	"tutti/backend"
	"tutti/wire"
)

// drainLimit is how much of an answer nobody wants is read for the sake of its connection.
const drainLimit = 64 << 10

// response is one backend's answer as it came: the head, then the body without chunks. One
// goroutine has it at a time, until it is kept.
type response struct {
	index    int // the backend's
	status   int
	framing  wire.Framing
	buf      *buffer // nil: only the status is of use
	headLen  int
	bodyLen  int64 // read so far, kept or not
	trailers []byte
	word     string // why it is not whole, as Proxy-Status says it; empty: it is

	shared  bool // it is kept: nothing of it changes any more, and several may have it
	holders atomic.Int32
}

func (a *response) head() []byte { return a.buf.b[:a.headLen] }
func (a *response) body() []byte { return a.buf.b[a.headLen:] }

// size is what it counts in the ledger.
func (a *response) size() int64 {
	if a == nil || a.buf == nil {
		return 0
	}
	return int64(len(a.buf.b) + len(a.trailers))
}

// newResponse begins an answer whose head is in resp. keep: its bytes are of use to the client.
func (f *Fanout) newResponse(d *delivery, resp *wire.Response, keep bool) *response {
	a := f.responses.Get().(*response)
	a.index, a.status = d.to.index, resp.Status
	a.framing = resp.Body(d.w.head)
	if !keep {
		return a
	}
	a.headLen = len(resp.Head)
	size := a.headLen
	if a.framing == wire.Length && resp.ContentLength <= f.o.MaxWriteSize {
		size += int(min(resp.ContentLength, 1<<maxClass)) // grown beyond as it comes: a length is a claim
	}
	a.buf = f.buffers.get(size)
	a.buf.b = append(a.buf.b, resp.Head...)
	return a
}

// freeResponse takes a back; nil is allowed.
func (f *Fanout) freeResponse(a *response) {
	if a == nil || a.shared && a.holders.Add(-1) > 0 {
		return
	}
	f.buffers.put(a.buf)
	*a = response{}
	f.responses.Put(a)
}

// cutShort leaves of a only its status, for the reason word.
func (f *Fanout) cutShort(a *response, word string) {
	f.buffers.put(a.buf)
	a.buf, a.headLen, a.trailers, a.word = nil, 0, nil, word
}

// bodyEnd is how reading an answer's body ended, and so how its claim has to.
type bodyEnd uint8

const (
	bodyWaits bodyEnd = iota // it has not: the network would have to be waited for
	bodyWhole                // Release
	bodyCut                  // Close
)

// readResponse reads c's body into a. patient: it waits for the network; otherwise bodyWaits
// leaves both as they are, to go on.
func (f *Fanout) readResponse(c *backend.Conn, a *response, patient bool) bodyEnd {
	for {
		if !patient && !c.Pending() {
			return bodyWaits
		}
		run, err := c.NextBody()
		if err != nil {
			return f.endBody(c, a, err)
		}
		a.bodyLen += int64(len(run))
		switch {
		case a.buf == nil && a.bodyLen > drainLimit:
			return bodyCut
		case a.bodyLen > f.o.MaxWriteSize:
			f.cutShort(a, "http_response_body_size")
			return bodyCut
		case a.buf != nil:
			f.appendBody(a, run)
		}
	}
}

// endBody notes what came at a body's end, or where it broke off.
func (f *Fanout) endBody(c *backend.Conn, a *response, err error) bodyEnd {
	if err == io.EOF {
		if t := c.Trailers(); a.buf != nil && len(t) > 0 {
			a.trailers = append([]byte(nil), t...)
		}
		return bodyWhole
	}
	f.cutShort(a, "http_response_incomplete")
	c.Backend().Failed(asFailure(err))
	return bodyCut
}

// endClaim gives c back as the body's end demands.
func endClaim(c *backend.Conn, end bodyEnd) {
	if end == bodyWhole {
		c.Release()
	} else {
		c.Close()
	}
}

// appendBody appends to a, moving to a larger buffer of the pool if there is one.
func (f *Fanout) appendBody(a *response, run []byte) {
	need := len(a.buf.b) + len(run)
	if need > cap(a.buf.b) && need <= 1<<maxClass {
		grown := f.buffers.get(need)
		grown.b = append(grown.b, a.buf.b...)
		f.buffers.put(a.buf)
		a.buf = grown
	}
	a.buf.b = append(a.buf.b, run...)
}

// statusResponse is an answer of which there is only the status.
func (f *Fanout) statusResponse(status int) *response {
	a := f.responses.Get().(*response)
	a.status, a.word = status, "http_response_incomplete"
	return a
}
