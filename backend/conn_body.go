package backend

import (
	"io"
	"net"

	"tutti/clock"
	"tutti/wire"
)

// NextBody returns the next run of the body's bytes (decoded, aliasing the connection's buffer
// until the next call), io.EOF at its true end; cut short is ErrTerminated, a pause longer
// than StreamTimeout ErrTimeout. After a 101 or a HEAD it is io.EOF at once. After
// ErrInterrupted it can be called again.
func (c *Conn) NextBody() ([]byte, error) {
	if c.isAbandoned() {
		return nil, ErrAbandoned
	}
	for {
		run, err := c.decode()
		if len(run) > 0 || err != nil {
			c.run = nil
			return run, err
		}
		if err := c.more(); err != nil {
			return nil, err
		}
	}
}

// Pending tells whether NextBody can return without waiting for the network.
func (c *Conn) Pending() bool {
	run, err := c.decode()
	return len(run) > 0 || err != nil
}

// Trailers are those of a chunked answer after io.EOF, lines with CRLF.
func (c *Conn) Trailers() []byte { return c.chunks.Trailers() }

// Tunnel hands the connection over after a 101: what was read behind its head (until the claim
// ends), and the connection itself, whose time the caller keeps from then on. Abandon still
// cuts it, and the claim still ends with Close.
func (c *Conn) Tunnel() (buffered []byte, nc net.Conn) {
	buffered = c.buf.b[c.r:c.w]
	c.r = c.w
	return buffered, c.nc
}

// decode returns the run of body bytes that can be had without the network, none and no error
// when it is needed. It keeps the run for another call until NextBody took it.
func (c *Conn) decode() ([]byte, error) {
	if len(c.run) > 0 {
		return c.run, nil
	}
	switch c.phase {
	case finished:
		return nil, io.EOF
	case broken:
		return nil, c.fault
	case inHead:
		return nil, ErrTerminated
	case inBody:
	}
	switch c.framing {
	case wire.Chunks:
		return c.decodeChunks()
	case wire.Length:
		n := int(min(int64(c.w-c.r), c.left))
		c.run = c.buf.b[c.r : c.r+n]
		c.r += n
		c.left -= int64(n)
		if c.left == 0 {
			c.phase = finished
		}
	case wire.UntilClose, wire.NoBody:
		c.run = c.buf.b[c.r:c.w]
		c.r = c.w
	}
	return c.run, nil
}

func (c *Conn) decodeChunks() ([]byte, error) {
	for c.r < c.w {
		data, n, err := c.chunks.Next(c.buf.b[c.r:c.w])
		c.r += n
		if err != nil {
			return nil, c.garbage()
		}
		if len(data) > 0 {
			c.run = data
			return data, nil
		}
		if c.chunks.Done() {
			c.phase = finished
			return nil, io.EOF
		}
		if n == 0 {
			return nil, nil
		}
	}
	return nil, nil
}

// more receives into the buffer what decode can go on with.
func (c *Conn) more() error {
	c.enlarge()
	for {
		n, err := c.recvSome(c.buf.b[c.w:], true)
		c.w += n
		if err == nil {
			if c.reading.clear() {
				c.tainted.Store(true)
			}
			return nil
		}
		if err == io.EOF && c.framing == wire.UntilClose && !c.isAbandoned() {
			c.phase = finished
			return io.EOF
		}
		if f := c.receiveFailed(err); f != nil {
			return f
		}
	}
}

// enlarge makes room behind c.w, in a larger buffer when a long body fills the one there is.
func (c *Conn) enlarge() {
	full := c.w == len(c.buf.b)
	kept := c.buf.b[c.r:c.w]
	if len(c.buf.b) < largeBuffer && (full || c.framing == wire.Length && c.left > int64(len(c.buf.b))) {
		old := c.buf
		c.buf = c.b.buffers.getLarge()
		c.w = copy(c.buf.b, kept)
		c.b.buffers.put(old)
	} else {
		c.w = copy(c.buf.b, kept)
	}
	c.r = 0
}

// armReading starts the clock of a pause in the answer's body.
func (c *Conn) armReading() {
	if d := c.b.o.StreamTimeout; d > 0 && c.reading.set(clock.Now()+int64(d)) {
		c.tainted.Store(true)
	}
}
