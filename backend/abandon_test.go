package backend

import (
	"errors"
	"syscall"
	"testing"
)

// A connection closed in the usual way keeps its port for a minute; clients that ask and leave
// could use up all there are toward a backend.
func TestAnAbandonedConnectionIsResetAndItsPortFree(t *testing.T) {
	heard := make(chan error, 1)
	b := newBackend(t, newPlainFake(t, told(heard)).name(), nil)
	c := acquired(t, b)
	if err := c.Send([]byte(get)); err != nil {
		t.Fatal(err)
	}
	c.Abandon()
	c.Close()
	if err := <-heard; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the backend saw %v", err)
	}
}

// told says nothing and tells how the connection ended.
type told chan error

func (f told) serve(x *served) bool {
	_, err := x.r.ReadByte()
	f <- err
	return false
}
