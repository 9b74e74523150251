//go:build linux && (amd64 || arm64) && !tutti_plain

package backend

import (
	"net"
	"testing"
	"time"

	"tutti/clock"
	"tutti/wire"
)

// Otherwise the look at all of them would be one more.
func TestWhatWasFoundQuietIsNotLookedAtAgain(t *testing.T) {
	a, b := newPlainFake(t, ok), newPlainFake(t, ok)
	cs := idleOf(t, 1, newBackend(t, a.name(), nil), newBackend(t, b.name(), nil))
	var looks Looks
	for _, c := range cs {
		if c.looked {
			t.Error("a kept connection is not to be looked at")
		}
		looks.Add(c)
	}
	looks.Look()
	for _, c := range cs {
		if !c.looked {
			t.Error("it is to be looked at again")
		}
		c.Release()
	}
}

// The poller may have told of the FIN before anybody waits, and a backend that still reads sends no reset.
func TestAHalfCloseBehindTheLookIsSeenAtTheNextCut(t *testing.T) {
	a, b := newPlainFake(t, ok), newPlainFake(t, ok)
	cs := idleOf(t, 1, newBackend(t, a.name(), nil), newBackend(t, b.name(), nil))
	defer cs[0].Close()
	defer cs[1].Close()
	var looks Looks
	for _, c := range cs {
		looks.Add(c)
	}
	looks.Look()
	a.mu.Lock()
	for c := range a.open {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	a.mu.Unlock()
	timer := time.NewTimer(5 * time.Millisecond) // for the poller
	<-timer.C
	var resp wire.Response
	c, now := cs[0], clock.Now()
	c.Await(now, now+int64(tenth))
	err := c.SendReceive([]byte(post), false, &resp)
	if err == ErrInterrupted {
		c.Await(clock.Now(), 0)
		err = c.Receive(false, &resp)
	}
	if err != ErrStale {
		t.Errorf("got %v", err)
	}
}

// The poller has told of it before the rest is sent, and would not again.
func TestAnAnswerToAnEarlierPartIsReadBehindTheRest(t *testing.T) {
	f := newPlainFake(t, ok, saysEarly("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"))
	b := newBackend(t, f.name(), func(o *Options) { o.ResponseTimeout = 2 * time.Second })
	idleConns(t, b, 1)
	c := acquired(t, b)
	defer c.Close()
	if err := c.Send([]byte("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	until(t, "the answer", func() bool { return !quiet(c.io.fd) })
	timer := time.NewTimer(5 * time.Millisecond) // for the poller
	<-timer.C
	var resp wire.Response
	if err := c.SendReceive([]byte("0123456789"), false, &resp); err != nil || resp.Status != 413 {
		t.Errorf("got %d, %v", resp.Status, err)
	}
}

func TestLookingAllocatesNothing(t *testing.T) {
	a, b := newPlainFake(t, ok), newPlainFake(t, ok)
	cs := idleOf(t, 1, newBackend(t, a.name(), nil), newBackend(t, b.name(), nil))
	defer cs[0].Close()
	defer cs[1].Close()
	if n := testing.AllocsPerRun(100, func() {
		var looks Looks
		for _, c := range cs {
			c.looked = false
			looks.Add(c)
		}
		looks.Look()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
