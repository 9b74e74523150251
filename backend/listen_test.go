package backend

import (
	"net"
	"os"
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
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, at); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	var addr string
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		addr = (&net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}).String()
	case *syscall.SockaddrInet6:
		addr = (&net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}).String()
	}
	for {
		c, err := net.DialTimeout("tcp", addr, 50*time.Millisecond)
		if os.IsTimeout(err) {
			return addr
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}

// refusing is an address on loopback that refuses connections.
func refusing(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	return ln.Addr().String()
}
