//go:build !linux || !(amd64 || arm64) || tutti_plain

package front

import (
	"errors"
	"syscall"
)

// rawIO says that there are no raw system calls here: every connection is served with
// net.Conn's own Read and Write.
const rawIO = false

func recv(uintptr, []byte) (int, syscall.Errno) { return 0, syscall.ENOSYS }

// peek is recv(2) that does not wait and leaves the byte where it is.
func peek(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, err := syscall.Recvfrom(int(fd), p, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	var e syscall.Errno
	errors.As(err, &e)
	return n, e
}

type vector struct{}

func (*vector) send(uintptr, []byte, []byte) (int, syscall.Errno) { return 0, syscall.ENOSYS }
