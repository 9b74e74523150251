package backend

import (
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// fullListener is an address on loopback where connecting takes for ever.
func fullListener(t *testing.T) string {
	t.Helper()
	return fullAt(t, syscall.AF_INET, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
}

// fullListener6 is fullListener at ::1.
func fullListener6(t *testing.T) string {
	t.Helper()
	listenAt(t, "[::1]:0") // skips where there is no such address
	return fullAt(t, syscall.AF_INET6, &syscall.SockaddrInet6{Addr: [16]byte{15: 1}})
}

func fullAt(t *testing.T, family int, at syscall.Sockaddr) string {
	t.Helper()
	fd, addr := bound(t, family, at)
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	// Several times in a row: a dial may be late because the machine pauses.
	for late := 0; late < 3; {
		c, err := net.DialTimeout("tcp", addr, 50*time.Millisecond)
		switch {
		case err == nil:
			late = 0
			t.Cleanup(func() { _ = c.Close() })
		case os.IsTimeout(err):
			late++
		default:
			t.Fatal(err)
		}
	}
	return addr
}

// bound is a socket at a port of its own.
func bound(t *testing.T, family int, at syscall.Sockaddr) (fd int, addr string) {
	t.Helper()
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, at); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		addr = (&net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}).String()
	case *syscall.SockaddrInet6:
		addr = (&net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}).String()
	}
	return fd, addr
}

// refusing is an address on loopback that refuses connections: bound, so that no other listener gets it.
func refusing(t *testing.T) string {
	t.Helper()
	_, addr := bound(t, syscall.AF_INET, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	return addr
}

// kept is an address on loopback to listen at more than once: nobody else gets it in between.
func kept(t *testing.T) *net.TCPAddr {
	t.Helper()
	if runtime.GOOS != "linux" { // a port that is bound is nobody's there
		return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	}
	addr, err := net.ResolveTCPAddr("tcp", refusing(t))
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
