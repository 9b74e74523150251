package backend

import (
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
)

func TestWhatThisMachineIsShortOfIsNoFailureOfTheBackend(t *testing.T) {
	timeout := &net.DNSError{Err: "slow", IsTimeout: true}
	for _, c := range []struct {
		name string
		err  error
		want *Failure
	}{
		{"no descriptor left", os.NewSyscallError("socket", syscall.EMFILE), ErrBusy},
		{"no port left", os.NewSyscallError("connect", syscall.EADDRNOTAVAIL), ErrBusy},
		{"refused", os.NewSyscallError("connect", syscall.ECONNREFUSED), ErrRefused},
		{"no route", os.NewSyscallError("connect", syscall.EHOSTUNREACH), ErrRefused},
		{"no such name", &net.DNSError{Err: "no such host", IsNotFound: true}, ErrRefused},
		{"a slow resolver", timeout, ErrDialTimeout},
		{"the kernel's own timeout", os.NewSyscallError("connect", syscall.ETIMEDOUT), ErrDialTimeout},
		{"ours", os.ErrDeadlineExceeded, ErrDialTimeout},
		{"anything", errors.New("what"), ErrRefused},
	} {
		if got := dialFailure(&net.OpError{Op: "dial", Net: "tcp", Err: c.err}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestBothFamiliesAreDialled(t *testing.T) {
	// fasthttp dials IPv4 only.
	for _, host := range []string{"127.0.0.1", "::1"} {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Skip("no", host)
		}
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		if all, _ := net.LookupHost("localhost"); slices.Contains(all, host) {
			host = "localhost"
		}
		b := newBackend(t, net.JoinHostPort(host, port), nil)
		c, err := b.Acquire(ForRead, 0)
		if err != nil {
			t.Errorf("listening on %s: %v", host, err)
		} else {
			c.Close()
		}
		_ = ln.Close()
	}
}
