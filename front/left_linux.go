//go:build linux

package front

import (
	"syscall"
	"unsafe"
)

// pollfd is poll(2)'s struct.
type pollfd struct {
	fd      int32
	events  int16
	revents int16
}

const (
	pollErr   = 0x0008
	pollHup   = 0x0010
	pollRdhup = 0x2000
)

// hungUp asks whether the peer has closed or reset its side. Unlike a read it sees a FIN
// behind data that nobody has taken yet.
func hungUp(fd uintptr) bool {
	p := pollfd{fd: int32(fd), events: pollRdhup}
	var now syscall.Timespec
	n, _, e := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1,
		uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return e == 0 && n == 1 && p.revents&(pollRdhup|pollHup|pollErr) != 0
}
