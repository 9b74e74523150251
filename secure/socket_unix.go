//go:build unix

package secure

import "syscall"

// canLook says that a socket can be read without waiting.
const canLook = true

// readNow is read(2) on a descriptor that does not block, as all of the net package's are.
func (s *socket) readNow(fd uintptr) {
	for {
		n, err := syscall.Read(int(fd), s.p)
		switch err {
		case nil:
			s.n = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			s.errno = errQuiet
		default:
			s.errno = err
		}
		return
	}
}

// emptyNow tells whether a read would have to wait.
func emptyNow(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
	return err == syscall.EAGAIN
}

// writeNow is write(2) likewise; it returns how much was taken.
func writeNow(fd uintptr, p []byte) int {
	for {
		n, err := syscall.Write(int(fd), p)
		if err == syscall.EINTR {
			continue
		}
		return max(n, 0)
	}
}
