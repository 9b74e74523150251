package front

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tutti/secure"
	"tutti/wire"
)

// conn is one client's connection. It lives as long as that and is small; what a request
// needs is in its work. Its goroutine owns it, but for the fields that say otherwise.
type conn struct {
	s     *Server
	nc    net.Conn
	tls   *secure.Conn    // nc, when it speaks TLS
	rc    syscall.RawConn // of the socket; nil: it has no descriptor
	raw   bool            // served inside rc.Read's callback, else with nc's own Read and Write
	place int             // in the connset, under its lock

	phase    stamp // what it is doing; the sweeper marks it
	rx, tx   stamp // a body's read, an answer's write that waits; none when it does not
	requests atomic.Uint64

	mu   sync.Mutex
	hold Abandoner // the backend connection in use; under mu
	dead bool      // cut by Close; under mu
	left atomic.Bool

	w       *work
	fd      uintptr // inside the callback of rc.Read, else 0: not to be used
	inside  bool
	broken  bool // a write failed: nothing more can be sent
	blanks  uint8
	verdict next // of step, when it ended the wait
	ended   ending
	refusal *wire.Error
	stepFn  func(fd uintptr) bool
	one     [1]byte // where an idle connection without rc waits

	addr    netip.Addr
	ip      string
	trusted bool // addr is a proxy whose forwarding fields are believed
}

// Abandoner is an exchange with a backend that can be given up from another goroutine.
type Abandoner = interface{ Abandon() }

// ending is how a connection is closed.
type ending uint8

// The endings.
const (
	endSilent ending = iota
	endLinger        // the client may still be sending: half-close, throw away, then close
	endReset         // an answer is to be seen cut short
	endRefuse        // answer refusal, then linger
)

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{s: s, nc: nc}
	c.phase.enter(at(fresh, s.now()))
	if sc, ok := nc.(syscall.Conn); ok {
		if rc, err := sc.SyscallConn(); err == nil {
			c.rc, c.raw = rc, rawIO
			c.stepFn = c.step
		}
	}
	if tc, ok := nc.(*net.TCPConn); ok {
		// explicitly: not every listener sets what net.ListenConfig would
		_ = tc.SetNoDelay(true)
		_ = tc.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true})
	}
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		c.addr = a.AddrPort().Addr().Unmap().WithZone("")
		c.trusted = s.o.Trusted != nil && s.o.Trusted(c.addr)
	}
	c.secured()
	return c
}

// run serves the connection until it ends.
func (c *conn) run() {
	defer c.end()
	defer c.recovered()
	if c.shake() {
		for c.await() == leave {
			if c.serve() == stop {
				break
			}
		}
	}
	c.bid()
}

// await waits for a request that has to be served outside the callback (leave) or for the
// end (stop); every other request is served on the way.
func (c *conn) await() next {
	if !c.raw {
		return c.awaitPlain()
	}
	c.verdict = stop
	c.inside = true
	err := c.rc.Read(c.stepFn)
	c.inside, c.fd = false, 0
	if err != nil {
		c.interrupted()
		return stop
	}
	return c.verdict
}

// interrupted decides what the client is told when waiting for it was cut short.
func (c *conn) interrupted() {
	m := c.phase.load()
	if !m.late() {
		return
	}
	c.overdue(m)
}

// overdue sets the ending for a connection that the sweeper found late in m.
func (c *conn) overdue(m moment) {
	if p := m.phase(); p == heading || p == arriving {
		c.refuse(errTooSlow)
	}
}

// refuse ends the connection with an answer of the front's own.
func (c *conn) refuse(e *wire.Error) next {
	c.ended, c.refusal = endRefuse, e
	return stop
}

// gone ends the connection because the client left; a request it had begun is counted.
func (c *conn) gone() next {
	if c.w != nil && c.w.buffered() {
		c.countRequest()
		c.tellRefused(errCutShort.Status)
	}
	return stop
}

// enter begins a phase. false: the sweeper was first, and the connection ends.
func (c *conn) enter(p phase) bool {
	old := c.phase.enter(at(p, c.s.now()))
	if old.late() {
		c.overdue(old)
		return false
	}
	return true
}

// countRequest is called by the owner alone, so that no cache line is shared.
func (c *conn) countRequest() { c.requests.Store(c.requests.Load() + 1) }

// receive reads a body's bytes, each pause at most ClientTimeout.
func (c *conn) receive(b *body, p []byte) (int, error) {
	c.rx.enter(at(receiving, c.s.now()))
	n, err := c.nc.Read(p)
	slow := c.rx.enter(0).late()
	switch {
	case n > 0 && !slow:
		return n, nil
	case slow:
		return 0, ErrClientSlow
	case b.cut.Load():
		return 0, ErrBodyCut
	case err == nil:
		return 0, nil
	default:
		return 0, ErrClientLeft
	}
}

// interruptRead makes a blocked read of the owner's return.
func (c *conn) interruptRead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.nc.SetReadDeadline(past)
}

// readAgain undoes interruptRead, once nobody can call it any more, until t.
func (c *conn) readAgain(t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.dead && c.nc.SetReadDeadline(t) == nil
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// kill cuts the connection from another goroutine: Server.Close.
func (c *conn) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
	if c.hold != nil {
		c.hold.Abandon()
	}
	if c.phase.load().phase() == tunnelling {
		// its handler sets deadlines of its own; it is outside of the callback, so that Close does not block
		_ = c.nc.Close()
		return
	}
	_ = c.nc.SetDeadline(past)
}

func (c *conn) killed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// dismiss gives up what is held, for Server.Dismiss.
func (c *conn) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hold != nil {
		c.hold.Abandon()
	}
}

// setHold names the backend connection in use.
func (c *conn) setHold(a Abandoner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hold = a
	if a != nil && (c.dead || c.left.Load() || c.s.dismissed.Load()) {
		a.Abandon()
	}
}

// held tells whether a backend connection is in use for a client not seen to have left.
func (c *conn) held() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hold != nil && !c.left.Load()
}

// abandon notes that the client left and gives up what is held, if the exchange is still
// the one that was in m.
func (c *conn) abandon(m moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hold == nil || c.phase.load() != m {
		return
	}
	c.left.Store(true)
	c.hold.Abandon()
}

// cutRead marks what was found overdue in m and makes the owner's wait for the client return,
// unless the owner was first.
func (c *conn) cutRead(s *stamp, m moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !m.late() && s.mark(m, late) {
		_ = c.nc.SetReadDeadline(past)
		if m.phase() == shaking {
			_ = c.nc.SetWriteDeadline(past)
		}
	}
}

// cutWrite is cutRead for a client that does not take its answer.
func (c *conn) cutWrite(m moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !m.late() && c.tx.mark(m, late) {
		_ = c.nc.SetWriteDeadline(past)
	}
}
