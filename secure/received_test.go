package secure

import "syscall"

// received is how many bytes wait in c's socket.
func received(c *Conn) int {
	n := 0
	_ = c.Raw().Control(func(fd uintptr) {
		p := make([]byte, 1<<10)
		n, _, _ = syscall.Recvfrom(int(fd), p, syscall.MSG_PEEK)
	})
	return n
}
