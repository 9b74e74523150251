//go:build linux && (amd64 || arm64) && !tutti_plain

package backend

import (
	"syscall"
	"unsafe"
)

// pollfd is poll(2)'s struct.
type pollfd struct {
	fd              int32
	events, revents int16
}

// What poll is asked for. Errors and a reset it tells unasked.
const (
	pollIn    = 0x0001
	pollRdhup = 0x2000
)

// Looks looks at several kept connections before something is sent to all of them: one poll(2) for
// eight of them instead of a recv(2) for each, which saves a write to three two system calls.
// looks_plain.go is the same without.
type Looks struct {
	n   int
	cs  [8]*Conn
	fds [8]pollfd
}

// Add has c looked at, if it is to be. The claim has to last until Look.
func (l *Looks) Add(c *Conn) {
	if c.looked || c.plain {
		return
	}
	if l.n == len(l.cs) {
		l.Look()
	}
	l.cs[l.n] = c
	l.fds[l.n] = pollfd{fd: int32(c.io.fd), events: pollIn | pollRdhup}
	l.n++
}

// Look looks at those that were added. One that is open with nothing to be read is not looked at again by
// Send or SendReceive; any other is, and they find out what is wrong.
func (l *Looks) Look() {
	n := l.n
	l.n = 0
	if n < 2 {
		return // it would cost as much as its own look
	}
	var now syscall.Timespec
	_, _, e := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&l.fds)), uintptr(n),
		uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	for i, c := range l.cs[:n] {
		c.looked = e == 0 && l.fds[i].revents == 0
	}
}
