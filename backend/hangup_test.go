//go:build linux

package backend

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// A server that neither accepts nor refuses must not hold up whoever stops for DialTimeout.
func TestHangUpEndsAConnectingThatHangs(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })
	if err != nil {
		t.Fatal(err)
	}
	full := false
	for range 8 { // fill the backlog
		c, err := net.DialTimeout("tcp", ln.Addr().String(), 100*time.Millisecond)
		if err != nil {
			full = true
			break
		}
		defer c.Close()
	}
	if !full {
		t.Skip("this kernel's backlog has no end")
	}
	b, err := New(ln.Addr().String(), 0, Options{DialTimeout: time.Minute, MaxConns: 4}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := NewGroup([]*Backend{b})
	defer g.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := b.Acquire(ForWrite, 0)
		ended <- err
	}()
	for b.Stats().Active == 0 {
		<-time.After(time.Millisecond)
	}
	g.HangUp()
	select {
	case err = <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
	if err != ErrBusy || !b.Up() || b.Stats().Active != 0 {
		t.Errorf("%v, up: %v, %+v", err, b.Up(), b.Stats())
	}
	if _, err = b.Acquire(ForRead, 0); err != ErrBusy {
		t.Errorf("another: %v", err)
	}
}
