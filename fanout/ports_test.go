package fanout

import (
	"net"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// refusing is an address on loopback that refuses connections: bound, so that no other listener gets it.
func refusing(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(at.(*syscall.SockaddrInet4).Port))
}

// ownAddr is an address on loopback to listen at more than once: nobody else gets it in between.
func ownAddr(t testing.TB) string {
	if runtime.GOOS != "linux" { // a port that is bound is nobody's there
		return "127.0.0.1:0"
	}
	return refusing(t)
}
