//go:build linux

package backend

import (
	"testing"
	"time"
)

// A server that neither accepts nor refuses must not hold up whoever stops for DialTimeout.
func TestHangUpEndsAConnectingThatHangs(t *testing.T) {
	b, err := New(fullListener(t), 0, Options{DialTimeout: time.Minute, MaxConns: 4}, nil)
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
