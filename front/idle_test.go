package front

import (
	"errors"
	"io"
	"slices"
	"syscall"
	"testing"
)

func TestAnIdleConnectionIsClosedSilently(t *testing.T) {
	check := func(how, request string, p phase, limit func(sw *sweeper) uint64) {
		t.Run(how, func(t *testing.T) {
			f := startStill(t, echo, func(o *Options) { o.IdleTimeout = patience / 2 })
			c := f.dial(t)
			if request != "" {
				c.send(request)
				c.expect(200, "GET /a  ")
			}
			f.noted(t, p)
			f.pass(limit(&f.sweeper))
			f.wantIn(t, p)
			f.pass(1)
			c.expectEnd()
			if got := f.h.refusals(); got != "[]" {
				t.Errorf("refusals %s", got)
			}
		})
	}
	client, between := func(sw *sweeper) uint64 { return sw.client }, func(sw *sweeper) uint64 { return sw.idle }
	check("between requests", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", idle, between)
	check("before the first, as nginx: by the client timeout", "", fresh, client)
	check("after blank lines", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n\r\n", idle, between)
}

func TestTimePassesByItself(t *testing.T) {
	f := start(t, echo, quick)
	c := f.dial(t)
	c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(200, "GET /a  ")
	c.expectEnd()
}

func TestAConnectionThatIsUsedIsNotIdle(t *testing.T) {
	f := startStill(t, echo)
	c := f.dial(t)
	for range 5 {
		c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
		c.expect(200, "GET /a  ")
		f.noted(t, idle)
		f.pass(f.sweeper.idle)
	}
}

func TestASlowHandlerIsNotTheClientsFault(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	f := startStill(t, func(x *Exchange) {
		close(begun)
		<-end
		echo(x)
	})
	c := f.dial(t)
	c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	<-begun
	f.pass(5 * max(f.sweeper.client, f.sweeper.idle))
	close(end)
	c.expect(200, "GET /a  ")
}

func TestAClientThatDoesNotTakeItsAnswerIsCut(t *testing.T) {
	errs := make(chan error, 1)
	f := startStill(t, func(x *Exchange) {
		x.Out = append(x.Out, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"...)
		err := x.Write(make([]byte, 100_000_000))
		if again := x.Write([]byte("x")); again == nil {
			t.Error("it can be written to afterwards")
		}
		errs <- err
	})
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	f.noted(t, sending)
	eventually(t, "it is cut", func() bool {
		f.pass(f.sweeper.client + 1) // again: it may have been making progress
		return len(errs) > 0
	})
	if err := <-errs; err != ErrClientSlow {
		t.Errorf("Write: %v", err)
	}
	if _, err := io.Copy(io.Discard, c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the end does not show that the answer was cut: %v", err)
	}
}

func TestAClientThatTakesItsAnswerSlowlyGetsItWhole(t *testing.T) {
	const size, piece = 24 << 20, 6 << 20 // a piece is more than a socket holds
	done := make(chan struct{})
	f := startStill(t, func(x *Exchange) {
		defer close(done)
		x.Out = append(x.Out, "HTTP/1.1 200 OK\r\nContent-Length: 25165824\r\n\r\n"...)
		if err := x.Write(make([]byte, size)); err != nil {
			t.Error(err)
		}
	})
	c := f.dial(t)
	_ = c.tcp.SetReadBuffer(64 << 10)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	sentAll := func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	passed := 0
	p := make([]byte, piece)
	for total := 0; total < size; {
		eventually(t, "it goes on", func() bool {
			now := at(sending, f.now())
			return sentAll() || slices.ContainsFunc(f.conns(), func(c *conn) bool { return c.tx.load() == now })
		})
		if !sentAll() {
			f.pass(f.sweeper.client)
			passed++
		}
		n, err := io.ReadFull(c.in, p)
		total += n
		if err != nil && total < size {
			t.Fatalf("after %d: %v", total, err)
		}
	}
	if passed < 3 {
		t.Errorf("it took only %d times the client's time", passed)
	}
}
