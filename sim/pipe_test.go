package sim

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// socketBuffer is how much fits a direction of a pipe before writing waits, in bytes.
const socketBuffer = 64 << 10

// pipe is a TCP connection in memory: buffered, with deadlines that may be set from anywhere,
// half-closes, and resets where TCP has them.
type pipe struct {
	mu      sync.Mutex
	changed *sync.Cond
	ends    [2]end
}

// end is one side of a pipe.
type end struct {
	p     *pipe
	peer  *end
	local net.Addr

	// Under p.mu.
	in          []byte // received and not read
	fin, rst    bool   // the peer has finished, or broken it off
	closed      bool
	finished    bool // this side has sent FIN
	abrupt      bool // Close resets
	read, write deadline
}

// deadline of one direction.
type deadline struct {
	over  bool
	timer *time.Timer
}

// newPipe returns both ends; near's address is local, far's is remote.
func newPipe(local, remote net.Addr) (near, far *end) {
	p := &pipe{}
	p.changed = sync.NewCond(&p.mu)
	near, far = &p.ends[0], &p.ends[1]
	near.p, near.peer, near.local = p, far, local
	far.p, far.peer, far.local = p, near, remote
	return near, far
}

// Read implements net.Conn.
func (e *end) Read(b []byte) (int, error) {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	for {
		switch {
		case e.closed:
			return 0, net.ErrClosed
		case e.read.over:
			return 0, os.ErrDeadlineExceeded
		case len(e.in) > 0:
			n := copy(b, e.in)
			e.in = e.in[n:]
			e.p.changed.Broadcast()
			return n, nil
		case e.fin:
			return 0, io.EOF
		case e.rst:
			return 0, syscall.ECONNRESET
		}
		e.p.changed.Wait()
	}
}

// Write implements net.Conn. As in TCP, what is written to a side that has closed is taken, and answered with a reset.
func (e *end) Write(b []byte) (n int, err error) {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	for {
		switch {
		case e.closed:
			return n, net.ErrClosed
		case e.write.over:
			return n, os.ErrDeadlineExceeded
		case e.rst || e.finished:
			return n, syscall.EPIPE
		case e.peer.closed:
			e.rst = true
			e.p.changed.Broadcast()
			return n + len(b), nil
		}
		room := max(socketBuffer-len(e.peer.in), 0)
		k := min(room, len(b))
		e.peer.in = append(e.peer.in, b[:k]...)
		b, n = b[k:], n+k
		if k > 0 {
			e.p.changed.Broadcast()
		}
		if len(b) == 0 {
			return n, nil
		}
		e.p.changed.Wait()
	}
}

// Close implements net.Conn. With something unread, or after SetLinger(0), it resets.
func (e *end) Close() error {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	e.closed = true
	if e.abrupt || len(e.in) > 0 {
		e.peer.rst = true
	} else {
		e.peer.fin = true
	}
	e.read.stop()
	e.write.stop()
	e.p.changed.Broadcast()
	return nil
}

// CloseWrite sends FIN.
func (e *end) CloseWrite() error {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	e.finished, e.peer.fin = true, true
	e.p.changed.Broadcast()
	return nil
}

// SetLinger is net.TCPConn's, for 0.
func (e *end) SetLinger(int) error {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	e.abrupt = true
	return nil
}

// Quiet tells whether the connection is open and nothing waits to be read.
func (e *end) Quiet() bool {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	return !e.closed && !e.fin && !e.rst && len(e.in) == 0
}

// isClosed tells whether this side has closed.
func (e *end) isClosed() bool {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	return e.closed
}

// LocalAddr implements net.Conn.
func (e *end) LocalAddr() net.Addr { return e.local }

// RemoteAddr implements net.Conn.
func (e *end) RemoteAddr() net.Addr { return e.peer.local }

// SetDeadline implements net.Conn.
func (e *end) SetDeadline(t time.Time) error { return e.set(t, &e.read, &e.write) }

// SetReadDeadline implements net.Conn.
func (e *end) SetReadDeadline(t time.Time) error { return e.set(t, &e.read) }

// SetWriteDeadline implements net.Conn.
func (e *end) SetWriteDeadline(t time.Time) error { return e.set(t, &e.write) }

func (e *end) set(t time.Time, ds ...*deadline) error {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	for _, d := range ds {
		d.stop()
		d.over = false
		if t.IsZero() {
			continue
		}
		left := time.Until(t)
		if left <= 0 {
			d.over = true
			continue
		}
		var timer *time.Timer
		timer = time.AfterFunc(left, func() {
			e.p.mu.Lock()
			defer e.p.mu.Unlock()
			if d.timer == timer {
				d.over = true
				e.p.changed.Broadcast()
			}
		})
		d.timer = timer
	}
	e.p.changed.Broadcast()
	return nil
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
