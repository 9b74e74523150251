package backend

import (
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"tutti/secure"
	"tutti/wire"
)

// What is true of a claim, as bits of Conn.flags.
const (
	claimed uint32 = 1 << iota
	abandoned
	interrupted
)

// past is a deadline that ends every wait at once.
var past = time.Unix(1, 0)

// socket is what a connection is made of: a TCP one, and in tests a pair of them. TLS ones are
// not read and written by their descriptor.
type socket interface {
	net.Conn
	syscall.Conn
}

// Conn is one connection to a backend, claimed by one exchange at a time.
// Send and Await may run in another goroutine than the receiving methods (an upload with an
// early answer), which must have ended before Release. Everything else belongs to the claimer.
// A claim ends with exactly one Release or Close; further ones do nothing.
type Conn struct {
	b     *Backend
	nc    net.Conn     // a socket, unless plain is set
	tls   *secure.Conn // nc, when it is one
	plain bool         // nc has no descriptor to be read and written by: TLS, or what Options.Dial returned
	io    ioState
	slot  int // in pool.conns

	filling filling

	flags     atomic.Uint32
	use       Use
	reused    bool
	idleSince int64 // clock.Now, guarded by the pool

	// What the sweeper looks at.
	awaiting stamp // the answer's head
	until    stamp // the moment Receive is interrupted
	reading  stamp // a pause in the answer's body
	sending  stamp // a pause in sending

	// The sender's.
	looked    bool        // it was seen open in this claim, or is fresh
	begun     bool        // a byte of the request was sent
	sentWhole atomic.Bool // Await was called
	tainted   atomic.Bool // sending failed, or a cut may still come: not to be used again
	upload    chan struct{}

	receiver
}

// receiver is the state of the receiving side.
type receiver struct {
	buf   *buffer
	r, w  int // buf.b[r:w] is not consumed yet
	scan  int // wire.HeadEnd's from, counted from r
	heard bool
	early bool // the final head came before the request was sent whole
	close bool // the backend, or the framing, ends the connection with this answer

	interims int
	phase    phase
	fault    *Failure // why it is broken
	framing  wire.Framing
	left     int64  // bytes of a Length body not consumed yet
	run      []byte // decoded by Pending, for NextBody
	chunks   wire.ChunkReader
}

// phase is how far an answer was received.
type phase uint8

const (
	inHead phase = iota
	inBody
	finished // to its end, cleanly
	broken   // no more can be received
)

// Backend is whose connection it is.
func (c *Conn) Backend() *Backend { return c.b }

// Reused tells whether the connection served an exchange before this claim.
func (c *Conn) Reused() bool { return c.reused }

// claim begins a claim. The pool calls it with the connection to itself.
func (c *Conn) claim(u Use) {
	c.use = u
	c.looked = !c.reused
	c.begun = false
	c.sentWhole.Store(false)
	c.flags.Store(claimed)
}

// Abandon makes every blocked and later call on c fail with ErrAbandoned. Safe from any
// goroutine while the claim lasts: whoever calls it makes sure, with a lock of its own, that
// the claim does not end meanwhile (a Holder does, until Hold(nil) returns).
func (c *Conn) Abandon() {
	if c.raise(abandoned) {
		_ = c.nc.SetDeadline(past)
	}
}

// Interrupt makes a blocked Receive or NextBody, else the next one that would wait, return
// ErrInterrupted; the exchange can go on afterwards. Safe like Abandon.
func (c *Conn) Interrupt() {
	if c.raise(interrupted) {
		_ = c.nc.SetReadDeadline(past)
	}
}

// raise sets a flag if a claim lasts.
func (c *Conn) raise(flag uint32) bool {
	for {
		f := c.flags.Load()
		if f&claimed == 0 {
			return false
		}
		if c.flags.CompareAndSwap(f, f|flag) {
			return true
		}
	}
}

func (c *Conn) isAbandoned() bool { return c.flags.Load()&abandoned != 0 }

// Uploaded has a claim for an upload count as one for a read from now on.
func (c *Conn) Uploaded() { c.b.pool.change(c, ForRead) }

// Release gives c back: kept if the exchange ended cleanly (answer read to its end, both sides keep
// alive, request sent whole before the answer, no byte left over), closed otherwise.
func (c *Conn) Release() { c.end(true) }

// Close ends the connection.
func (c *Conn) Close() { c.end(false) }

func (c *Conn) end(keep bool) {
	if c.flags.Load()&claimed == 0 {
		return
	}
	c.endUpload()
	f := c.flags.Swap(0)
	c.until.clear() // its cut is expected at any time, and survived
	cut := c.awaiting.clear()
	cut = c.reading.clear() || cut
	cut = c.sending.clear() || cut
	keep = keep && !cut && f == claimed && c.reusable()
	c.b.buffers.put(c.buf)
	c.buf = nil
	c.filling.drop(c.b)
	if !keep {
		if f&abandoned != 0 {
			c.reject()
		}
		c.b.pool.drop(c)
		return
	}
	c.reset()
	c.b.pool.keep(c)
}

// reject makes the close that follows a reset: the backend learns at once that nobody waits, and no
// port stays taken for a minute, of which clients that come and leave could use up all.
func (c *Conn) reject() {
	switch nc := c.nc.(type) {
	case interface{ SetLinger(seconds int) error }:
		_ = nc.SetLinger(0)
	case interface{ Reset() }:
		nc.Reset()
	}
}

// reusable tells whether the exchange that ends left the connection as it found it.
func (c *Conn) reusable() bool {
	return c.phase == finished && !c.close && !c.early && c.r == c.w &&
		c.sentWhole.Load() && !c.tainted.Load()
}

// reset readies a clean connection for its next claim.
func (c *Conn) reset() {
	c.r, c.w, c.scan = 0, 0, 0
	c.heard = false
	c.interims = 0
	c.phase = inHead
	c.run = nil
	c.reused = true
	if c.framing == wire.Chunks {
		c.chunks.Reset()
		if c.chunks.Trailers() != nil {
			c.chunks = wire.ChunkReader{}
		}
	}
	c.framing = wire.NoBody
}

// sweep cuts what is overdue at now and returns the next moment something can be, 0 for none.
func (c *Conn) sweep(now int64) int64 {
	a, next := c.awaiting.mark(now)
	u, n := c.until.mark(now)
	next = sooner(next, n)
	r, n := c.reading.mark(now)
	next = sooner(next, n)
	s, n := c.sending.mark(now)
	if a || u || r {
		_ = c.nc.SetReadDeadline(past)
	}
	if s {
		_ = c.nc.SetWriteDeadline(past)
	}
	return sooner(next, n)
}

// sooner is the earlier of two moments, where 0 is none.
func sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
