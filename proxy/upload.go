package proxy

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"tutti/backend"
	"tutti/clock"
	"tutti/front"
	"tutti/wire"
)

// uploadSize is how much of a streamed body is in memory at a time.
const uploadSize = 32 << 10

// uploadBuffer has room for what was read and for the chunk made of it.
type uploadBuffer struct{ in, out []byte }

var uploadBuffers = sync.Pool{New: func() any {
	return &uploadBuffer{in: make([]byte, uploadSize), out: make([]byte, 0, uploadSize+64)}
}}

// upload copies a request's body from the client to a backend, in a goroutine of its own that
// the request's goroutine waits for before it ends the exchange.
type upload struct {
	done chan struct{}

	timedOut atomic.Bool // backend is written, and the goroutine about to end

	// Written by the goroutine before done is closed.
	client  error            // what the client did wrong: it left, was too slow, sent nonsense
	backend *backend.Failure // what sending to the backend ran into
}

func startUpload(x *front.Exchange, c *backend.Conn) *upload {
	u := &upload{done: make(chan struct{})}
	go u.run(x, c)
	return u
}

func (u *upload) run(x *front.Exchange, c *backend.Conn) {
	defer close(u.done)
	buf := uploadBuffers.Get().(*uploadBuffer)
	defer uploadBuffers.Put(buf)
	chunked := x.Req.Chunked
	for {
		n, err := x.ReadBody(buf.in)
		if n > 0 && !u.send(c, buf, n, chunked) {
			return
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			u.client = err
			c.Abandon() // half a body must not look like a whole one: the connection is cut
			return
		}
	}
	if chunked {
		if err := c.Send(wire.AppendLastChunk(buf.out[:0], x.Trailers())); err != nil {
			u.backend = asFailure(err)
		}
	}
	c.Await(clock.Now(), 0)
}

// send passes n bytes on. When the backend takes no more, what it may have answered is still
// to be received, within the time for an answer.
func (u *upload) send(c *backend.Conn, buf *uploadBuffer, n int, chunked bool) bool {
	out := buf.in[:n]
	if chunked {
		out = wire.AppendChunk(buf.out[:0], out)
	}
	err := c.Send(out)
	if err == nil {
		return true
	}
	u.backend = asFailure(err)
	if errors.Is(err, backend.ErrTimeout) {
		u.timedOut.Store(true) // before who receives is woken, and asks
		c.Abandon()
		return false
	}
	c.Await(clock.Now(), 0)
	return false
}

// endsWithin waits at most d for the upload and tells whether it was complete.
func (u *upload) endsWithin(d time.Duration) bool {
	select {
	case <-u.done:
	default:
		if d == 0 {
			return false
		}
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-u.done:
		case <-t.C:
			return false
		}
	}
	return u.client == nil && u.backend == nil
}

// cut ends the upload, wherever it is, and waits for it.
func (u *upload) cut(x *front.Exchange, c *backend.Conn) {
	select {
	case <-u.done:
		return
	default:
	}
	x.CutBody()
	c.Abandon()
	<-u.done
}

// blame says why the answer did not come: what sending ran into came before what receiving saw.
func (u *upload) blame(f *backend.Failure) *backend.Failure {
	if f != backend.ErrAbandoned {
		return f
	}
	if u.timedOut.Load() {
		<-u.done
	}
	select {
	case <-u.done:
		if u.backend != nil {
			return u.backend
		}
	default:
	}
	return f
}
