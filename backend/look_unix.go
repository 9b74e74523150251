//go:build unix && (!linux || !(amd64 || arm64) || tutti_plain)

package backend

import "syscall"

// quiet tells whether the connection is open and nothing waits to be read.
func quiet(raw syscall.RawConn) bool {
	still := false
	err := raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		still = err == syscall.EAGAIN
		return true
	})
	// A deadline that came early leaves the look undone; the Write after it meets the same.
	return still || err != nil
}
