package proxy

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// tunnel is two copies that share one idle time: traffic one way keeps the other way open.
type tunnel struct {
	idle    time.Duration // 0: no limit
	a, b    net.Conn
	stopped atomic.Bool
}

// copy moves bytes from src to dst. A clean end is passed on as a half-close, anything else
// ends both directions. It returns how many bytes went to dst.
func (t *tunnel) copy(dst, src net.Conn) (total int64) {
	buf := uploadBuffers.Get().(*uploadBuffer)
	defer uploadBuffers.Put(buf)
	for {
		n, err := src.Read(buf.in)
		if n > 0 {
			t.touch()
			n, werr := dst.Write(buf.in[:n])
			total += int64(n)
			if werr != nil {
				t.stop()
				return total
			}
		}
		if err == io.EOF && closeWrite(dst) {
			return total
		}
		if err != nil {
			t.stop()
			return total
		}
	}
}

func closeWrite(c net.Conn) bool {
	half, ok := c.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// touch starts the idle time anew.
func (t *tunnel) touch() {
	if t.idle > 0 && !t.stopped.Load() {
		t.deadline(time.Now().Add(t.idle))
	}
	if t.stopped.Load() { // a stop in between must win
		t.stop()
	}
}

// stop ends both copies; closing is their owners' part.
func (t *tunnel) stop() {
	t.stopped.Store(true)
	t.deadline(time.Unix(1, 0))
}

func (t *tunnel) deadline(at time.Time) {
	_ = t.a.SetDeadline(at)
	_ = t.b.SetDeadline(at)
}
