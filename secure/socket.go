package secure

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
)

// ErrTruncated is the end of a stream without TLS's own word for it (close_notify, RFC 8446 §6.1).
// crypto/tls takes that for a clean end when it falls between two records; whoever
// can cut a TCP connection could then pass a part of an answer for the whole (RFC 9112 §9.8).
var ErrTruncated = errors.New("secure: the stream was cut short")

// errQuiet ends a look: nothing more is here. It says that it is temporary, so that
// crypto/tls goes on after it.
var errQuiet error = quietError{}

type quietError struct{}

func (quietError) Error() string   { return "secure: nothing waits to be read" }
func (quietError) Timeout() bool   { return true }
func (quietError) Temporary() bool { return true }

// socket is the connection under a Conn, as crypto/tls sees it.
type socket struct {
	net.Conn
	raw syscall.RawConn // nil: there is no descriptor

	looking bool        // Read does not wait; the reader's
	closing atomic.Bool // Write does not wait
	cut     atomic.Bool // a Write failed: what came after it would be garbage to the peer
	records records     // the reader's

	// Of the call that does not wait; bound once, so that it allocates nothing.
	p     []byte
	n     int
	errno error
	read  func(fd uintptr)
}

func newSocket(nc net.Conn) *socket {
	s := &socket{Conn: nc}
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			s.raw = raw
		}
	}
	s.read = s.readNow
	return s
}

// Read implements net.Conn. It ends with ErrTruncated: io.EOF is only for crypto/tls to say.
func (s *socket) Read(p []byte) (int, error) {
	if s.looking {
		return s.look(p)
	}
	n, err := s.Conn.Read(p)
	s.records.pass(p[:n])
	if err == io.EOF {
		err = ErrTruncated
	}
	return n, err
}

// look is Read of what is here already, errQuiet when nothing is.
func (s *socket) look(p []byte) (int, error) {
	s.p, s.n, s.errno = p, 0, nil
	// Control and not Read: a deadline that is over is not what is asked about
	err := s.raw.Control(s.read)
	s.p = nil
	switch {
	case err != nil:
		return 0, err
	case s.errno != nil:
		return 0, s.errno
	case s.n == 0:
		return 0, ErrTruncated
	}
	s.records.pass(p[:s.n])
	return s.n, nil
}

// empty tells whether the socket is open and nothing waits in it.
func (s *socket) empty() bool {
	is := false
	err := s.raw.Control(func(fd uintptr) { is = emptyNow(fd) })
	return err == nil && is
}

// Write implements net.Conn. After Close began it does not wait: TLS's farewell is a courtesy.
func (s *socket) Write(p []byte) (int, error) {
	if !s.closing.Load() {
		n, err := s.Conn.Write(p)
		if err != nil {
			s.cut.Store(true)
		}
		return n, err
	}
	if s.cut.Load() || s.raw == nil {
		return 0, net.ErrClosed
	}
	n := 0
	if err := s.raw.Control(func(fd uintptr) { n = writeNow(fd, p) }); err != nil {
		return n, err
	}
	if n < len(p) {
		s.cut.Store(true)
		return n, net.ErrClosed
	}
	return n, nil
}
