package front

import (
	"io"
	"sync/atomic"

	"tutti/wire"
)

// body is the body of the request being served. It may be read by one goroutine while
// another sends the answer: what both look at is atomic.
type body struct {
	chunked bool
	whole   []byte // all of it, when isWhole
	isWhole bool
	decoded []byte // of a chunked body: taken apart and not yet read
	left    int64  // of a body with a length: not yet read
	chunks  wire.ChunkReader
	taken   atomic.Bool // a byte of it was here or read: nobody waits for 100
	done    atomic.Bool // read to its end
	cut     atomic.Bool
	err     error // what every later read returns
}

func (b *body) reset() {
	b.chunked, b.isWhole = false, false
	b.whole, b.decoded = nil, nil
	b.left = 0
	b.taken.Store(false)
	b.done.Store(false)
	b.cut.Store(false)
	b.err = nil
}

// frame sets the body of the request whose head was just parsed up from what is buffered behind
// it. It returns false when the end is not here. With a length it uses nothing of the buffer then.
func (w *work) frame() (whole bool, err error) {
	b, req := &w.body, &w.x.Req
	here := w.in[w.r+w.head : w.n]
	switch {
	case req.Chunked:
		return w.frameChunked(here)
	case req.ContentLength > 0:
		b.left = req.ContentLength
		if int64(len(here)) < req.ContentLength {
			return false, nil
		}
		b.whole = here[:req.ContentLength]
		w.r += w.head + len(b.whole)
	default:
		w.r += w.head
	}
	b.finish(b.whole)
	return true, nil
}

// frameChunked takes apart what is here, in place.
func (w *work) frameChunked(here []byte) (whole bool, err error) {
	b := &w.body
	b.chunked = true
	b.chunks.Reset()
	data, used, err := b.dechunk(here)
	if err != nil {
		return false, err
	}
	w.r += w.head + used
	if b.chunks.Done() {
		b.finish(here[:data])
		return true, nil
	}
	b.taken.Store(len(here) > 0)
	b.decoded = here[:data]
	return false, nil
}

func (b *body) finish(whole []byte) {
	b.whole, b.isWhole = whole, true
	b.decoded, b.left = whole, int64(len(whole))
	b.taken.Store(true)
	b.done.Store(true)
}

// dechunk takes p apart in place: its first data bytes are the body's then; used is how many
// belong to this message.
func (b *body) dechunk(p []byte) (data, used int, err error) {
	for used < len(p) && !b.chunks.Done() {
		d, n, err := b.chunks.Next(p[used:])
		if err != nil {
			return 0, 0, err
		}
		if n == 0 {
			break
		}
		data += copy(p[data:], d)
		used += n
	}
	return data, used, nil
}

// Body returns the whole body when it is already here (empty when there is none): there is
// no need to call ReadBody then. It aliases the connection's buffer. Chunked bodies are
// decoded. ok is false when it has to be read.
func (x *Exchange) Body() (body []byte, ok bool) {
	b := &x.w.body
	return b.whole, b.isWhole
}

// Trailers of a chunked body after io.EOF (or when Body is whole), lines with CRLF.
func (x *Exchange) Trailers() []byte {
	b := &x.w.body
	if !b.chunked || !b.done.Load() {
		return nil
	}
	return b.chunks.Trailers()
}

// ReadBody reads body bytes, framing checked and decoded, waiting for the client (each pause
// at most ClientTimeout). io.EOF only at the true end; a client that left in between is
// ErrClientLeft (at a chunk's edge, too); bad framing a *wire.Error; a pause too long
// ErrClientSlow. It may be called from another goroutine than Serve's, one at a time.
func (x *Exchange) ReadBody(p []byte) (int, error) {
	b := &x.w.body
	switch {
	case b.err != nil:
		return 0, b.err
	case b.cut.Load():
		return 0, b.fail(ErrBodyCut)
	case len(p) == 0:
		return 0, nil
	case b.chunked || b.isWhole:
		return x.readDecoded(p)
	default:
		return x.readLength(p)
	}
}

// fail notes what ends the body's reading and returns it.
func (b *body) fail(err error) error {
	b.err = err
	return err
}

// readLength reads from a body with a Content-Length: first what is buffered, then straight
// from the socket, never past its end.
func (x *Exchange) readLength(p []byte) (int, error) {
	w, b := x.w, &x.w.body
	if b.left == 0 {
		return 0, b.fail(io.EOF)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n := copy(p, w.in[w.r:w.n])
	w.r += n
	if n == 0 {
		var err error
		if n, err = x.c.receive(b, p); err != nil {
			return 0, b.fail(err)
		}
	}
	b.taken.Store(true)
	b.left -= int64(n)
	if b.left == 0 {
		b.done.Store(true)
	}
	return n, nil
}

// readDecoded reads from a body that was taken apart, and takes apart more of it.
func (x *Exchange) readDecoded(p []byte) (int, error) {
	b := &x.w.body
	for {
		if len(b.decoded) > 0 {
			n := copy(p, b.decoded)
			b.decoded = b.decoded[n:]
			return n, nil
		}
		if b.done.Load() {
			return 0, b.fail(io.EOF)
		}
		n, err := x.c.receive(b, p)
		if err != nil {
			return 0, b.fail(err)
		}
		b.taken.Store(true)
		data, used, err := b.dechunk(p[:n])
		if err != nil {
			return 0, b.fail(err)
		}
		if b.chunks.Done() {
			x.w.putBack(p[used:n])
			b.done.Store(true)
		}
		if data > 0 {
			return data, nil
		}
	}
}

// CutBody makes a blocked ReadBody and every later one return ErrBodyCut: for an answer
// that is given before the body was read to its end. The connection is not kept then. Safe
// from any goroutine while Serve runs.
func (x *Exchange) CutBody() {
	b := &x.w.body
	if b.done.Load() {
		return
	}
	b.cut.Store(true)
	x.c.interruptRead()
}
