package front

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// drain starts Drain and returns where its result comes.
func (f *fixture) drain(ctx context.Context) chan error {
	done := make(chan error, 1)
	go func() { done <- f.Drain(ctx) }()
	return done
}

func wantDrained(t *testing.T, done chan error) {
	t.Helper()
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("Drain: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Drain does not return")
	}
}

func TestDrainClosesListenersAtOnceAndSilentConnectionsAfterASecond(t *testing.T) {
	f := startStill(t, echo)
	kept, unused := f.dial(t), f.dial(t)
	kept.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	kept.expect(200, "GET /a  ")
	eventually(t, "both are silent", func() bool { return f.Stats().Waiting == 2 })
	done := f.drain(t.Context())
	eventually(t, "connecting is refused", func() bool {
		c, err := net.Dial("tcp", f.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	eventually(t, "only those two are left", func() bool { return f.Stats().Active == 2 })
	f.pass(f.sweeper.drain)
	f.wantIn(t, idle, fresh)
	f.pass(1)
	kept.expectEnd()
	unused.expectEnd()
	wantDrained(t, done)
	if err := f.Serve(&pipeListener{closed: make(chan struct{})}); !errors.Is(err, errStopped) {
		t.Errorf("Serve afterwards: %v", err)
	}
}

func TestARequestThatArrivesWhileDrainingIsServedAsTheLast(t *testing.T) {
	f := startStill(t, echo)
	c := f.dial(t)
	c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(200, "GET /a  ")
	done := f.drain(t.Context())
	eventually(t, "it drains", func() bool { return f.draining() })
	c.send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
	_, head, body := c.answer()
	if body != "GET /b  " || !strings.Contains(head, "Connection: close") {
		t.Errorf("got %q %q", head, body)
	}
	c.expectEnd()
	wantDrained(t, done)
}

func TestDrainLetsWhatHasBegunEnd(t *testing.T) {
	release := make(chan struct{})
	f := startStill(t, func(x *Exchange) {
		if string(x.Req.Path) == "/told" {
			// the head with keep-alive is out before the drain begins
			reply(x, "told")
			_ = x.Flush()
			<-release
			return
		}
		<-release
		echo(x)
	})
	running, told, half := f.dial(t), f.dial(t), f.dial(t)
	running.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	told.send("GET /told HTTP/1.1\r\nHost: x\r\n\r\n")
	told.expect(200, "told")
	half.send("GET /half HTTP/1.1\r\n")
	eventually(t, "they have begun", func() bool { st := f.Stats(); return st.Writing == 2 && st.Reading == 1 })
	done := f.drain(t.Context())
	eventually(t, "it drains", func() bool { return f.draining() })
	f.pass(2 * f.sweeper.drain) // longer than silence is allowed
	select {
	case err := <-done:
		t.Fatalf("Drain returned %v too soon", err)
	default:
	}
	half.send("Host: x\r\n\r\n")
	eventually(t, "all are served", func() bool { return f.Stats().Writing == 3 })
	close(release)
	running.expect(200, "GET /a  ")
	running.expectEnd()
	half.expect(200, "GET /half  ")
	half.expectEnd()
	// this one was told that it may go on, and so it may
	told.send("GET /more HTTP/1.1\r\nHost: x\r\n\r\n")
	told.expect(200, "GET /more  ")
	told.expectEnd()
	wantDrained(t, done)
}

func TestDrainGivesUpWithItsContextAndCloseCuts(t *testing.T) {
	h := newHeld()
	f := startStill(t, func(x *Exchange) {
		if x.Req.Upgrade != nil {
			x.Out = append(x.Out, "HTTP/1.1 101 Switching Protocols\r\n\r\n"...)
			_ = x.Flush()
			_, c := x.Tunnel()
			_ = c.SetDeadline(time.Time{})
			_, _ = c.Read(make([]byte, 1))
			return
		}
		x.Hold(h)
		<-h.once
		x.Hold(nil)
	})
	hanging, tunnel, idle, half := f.dial(t), f.dial(t), f.dial(t), f.dial(t)
	hanging.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	half.send("GET / HTT")
	tunnel.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
	tunnel.expect(101, "")
	eventually(t, "all have begun", func() bool {
		st := f.Stats()
		return st.Writing == 2 && st.Waiting == 1 && st.Reading == 1 && f.any(tunnelling)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := f.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain: %v", err)
	}
	if n := f.Stats().Active; n != 4 {
		t.Errorf("%d connections left", n)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if st := f.Stats(); st.Active != 0 {
		t.Errorf("%+v left", st)
	}
	idle.expectEnd()
	if err := f.Drain(t.Context()); err != nil {
		t.Errorf("Drain after Close: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsABodyAndAnAnswerThatWait(t *testing.T) {
	errs := make(chan error, 2)
	f := start(t, func(x *Exchange) {
		if string(x.Req.Method) == "POST" {
			_, err := readAll(x, 10)
			errs <- err
			return
		}
		errs <- x.Write(make([]byte, 100_000_000))
	})
	up, down := f.dial(t), f.dial(t)
	up.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	down.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "both wait", func() bool { return f.any(receiving) && f.any(sending) })
	_ = f.Close()
	for range 2 {
		if err := <-errs; err != ErrClientLeft {
			t.Errorf("got %v", err)
		}
	}
}

func TestDrainingAServerThatNeverServedReturns(t *testing.T) {
	f := start(t, echo)
	s, err := New(Options{Handler: f.h, MaxHeader: 1000, ClientTimeout: time.Second, IdleTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDismissGivesUpWhatIsHeldAndItsClientsAreAnswered(t *testing.T) {
	h := newHeld()
	f := startStill(t, func(x *Exchange) {
		x.Hold(h)
		<-h.once
		x.Hold(nil)
		if x.Left() {
			t.Error("taken for left")
		}
		reply(x, fmt.Sprint(x.Dismissed()))
	})
	waiting := f.dial(t)
	waiting.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "it is served", func() bool { return slices.ContainsFunc(f.conns(), (*conn).held) })
	f.Dismiss()
	waiting.expect(200, "true")
	waiting.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n") // one that comes after
	waiting.expect(200, "true")
	if n := h.times.Load(); n != 2 {
		t.Errorf("abandoned %d times", n)
	}
}
