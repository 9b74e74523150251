//go:build linux && (amd64 || arm64) && !tutti_plain

package backend

import (
	"io"
	"syscall"
	"unsafe"
)

// Sending, waiting and receiving happen inside one RawConn.Read here, with system calls the
// scheduler is not told of (they never block on these sockets). BenchmarkExchange, with and
// without the tag tutti_plain, shows what it is good for. rawio_plain.go is the same without.
//
// Sending, which nearly never has to wait, is tried on the descriptor itself first. That can't be another
// file's meanwhile: a claimed connection is closed by nobody but its claimer. Receiving is not: one answer
// in four to a write is not here yet, and would be asked for twice.

// ioState is what the callbacks of a connection work on. They are bound once, at dial.
type ioState struct {
	raw                         syscall.RawConn
	fd                          uintptr
	onRead, onWrite, onExchange func(fd uintptr) bool

	in       []byte // receiving
	inN      int
	inErr    error
	inPauses bool // the wait is a pause in a body: arm c.reading

	out      []byte // sending
	outN     int
	outErr   error
	outArmed int // outN at the time c.sending was armed
	look     bool
	sent     bool
}

// bind readies the callbacks.
func (c *Conn) bind() error {
	if c.plain {
		return nil
	}
	raw, err := c.nc.(socket).SyscallConn()
	if err != nil {
		return err
	}
	c.io.raw = raw
	if err := raw.Control(func(fd uintptr) { c.io.fd = fd }); err != nil {
		return err
	}
	c.io.onRead, c.io.onWrite, c.io.onExchange = c.readStep, c.writeStep, c.exchangeStep
	return nil
}

// recvSome receives at least a byte into p. pauses: the wait counts as a pause in a body.
func (c *Conn) recvSome(p []byte, pauses bool) (int, error) {
	if c.plain {
		return c.recvPlain(p, pauses)
	}
	s := &c.io
	s.in, s.inN, s.inErr, s.inPauses = p, 0, nil, pauses
	err := s.raw.Read(s.onRead)
	s.in = nil
	if err == nil {
		err = s.inErr
	}
	return s.inN, err
}

// sendAll sends p, looking first whether the connection is still open if look is set.
func (c *Conn) sendAll(p []byte, look bool) (int, error) {
	if c.plain {
		return c.sendPlain(p, look)
	}
	s := &c.io
	if look && !quiet(s.fd) {
		return 0, ErrStaleUnsent
	}
	n, e := sendto(s.fd, p)
	if e == 0 && n == len(p) {
		return n, nil
	}
	s.out, s.outN, s.outErr, s.outArmed = p, n, nil, -1
	err := s.raw.Write(s.onWrite)
	s.out = nil
	if err == nil {
		err = s.outErr
	}
	return s.outN, err
}

// sendRecv sends out and, if the socket took all of it, receives at least a byte into in.
// A short send returns at once with sent < len(out) and no error.
func (c *Conn) sendRecv(out, in []byte, look bool) (sent, n int, sendErr, recvErr error) {
	if c.plain {
		return c.sendRecvPlain(out, in, look)
	}
	s := &c.io
	s.in, s.inN, s.inErr, s.inPauses = in, 0, nil, false
	s.out, s.outN, s.outErr, s.look, s.sent = out, 0, nil, look, false
	err := s.raw.Read(s.onExchange)
	s.in, s.out = nil, nil
	if err == nil {
		err = s.inErr
	}
	return s.outN, s.inN, s.outErr, err
}

func (c *Conn) readStep(fd uintptr) bool {
	s := &c.io
	for {
		n, e := recvfrom(fd, s.in, 0)
		switch {
		case e == 0 && n > 0:
			s.inN = n
		case e == 0:
			s.inErr = io.EOF
		case e == syscall.EAGAIN:
			if s.inPauses {
				c.armReading()
			}
			return false
		case e == syscall.EINTR:
			continue
		default:
			s.inErr = e
		}
		return true
	}
}

func (c *Conn) writeStep(fd uintptr) bool {
	s := &c.io
	for s.outN < len(s.out) {
		n, e := sendto(fd, s.out[s.outN:])
		switch e {
		case 0:
			s.outN += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			if s.outArmed != s.outN {
				s.outArmed = s.outN
				c.armSending()
			}
			return false
		default:
			s.outErr = e
			return true
		}
	}
	return true
}

// exchangeStep looks and sends at its first call, receives at the later ones. RawConn.Read has
// re-armed the poller before the first, so what arrives meanwhile wakes it; what arrived before is what
// look finds. On a fresh connection, and behind an earlier part of the request, it is read at once.
// After Looks a FIN that the poller was told of before it was re-armed waits for the reset that a closed
// socket answers with, or, of a backend that still reads, for the next cut, Await's until: reading at once
// would nearly always be too early, and a system call of ten.
func (c *Conn) exchangeStep(fd uintptr) bool {
	s := &c.io
	if s.sent {
		return c.readStep(fd)
	}
	s.sent = true
	if s.look {
		if !quiet(fd) {
			s.outErr = ErrStaleUnsent
			return true
		}
	}
	n, e := sendto(fd, s.out)
	for e == syscall.EINTR {
		n, e = sendto(fd, s.out)
	}
	switch {
	case e == 0:
		s.outN = n
	case e != syscall.EAGAIN:
		s.outErr = e
	}
	if s.outN < len(s.out) {
		return true
	}
	return (!c.reused || c.begun) && c.readStep(fd)
}

// isQuiet is quiet for plain I/O, which here is only that of what is no socket.
func (c *Conn) isQuiet() bool { return c.saysQuiet() }

// quiet tells whether the connection is open and nothing waits to be read.
func quiet(fd uintptr) bool {
	var b [1]byte
	_, e := recvfrom(fd, b[:], syscall.MSG_PEEK)
	return e == syscall.EAGAIN
}

func recvfrom(fd uintptr, p []byte, flags uintptr) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags|syscall.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

func sendto(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}
