//go:build unix && (!linux || !(amd64 || arm64) || tutti_plain)

package backend

import "syscall"

// quiet tells whether the connection is open and nothing waits to be read.
func quiet(raw syscall.RawConn) bool {
	still := false
	// Control and not Read: a Receive in another goroutine may hold the reader's lock.
	err := raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		still = err == syscall.EAGAIN
	})
	return err == nil && still
}
