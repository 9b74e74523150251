package front

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
)

func TestAnIdleConnectionIsClosedSilently(t *testing.T) {
	const limit = 100 * time.Millisecond
	check := func(how, request string, change func(o *Options)) {
		t.Run(how, func(t *testing.T) {
			f := start(t, echo, change)
			c := f.dial(t)
			begun := time.Now()
			if request != "" {
				c.send(request)
				c.expect(200, "GET /a  ")
			}
			c.expectEnd()
			if took := time.Since(begun); took < limit*3/4 { // ticks can come late, the next ones then early
				t.Errorf("closed after %v", took)
			}
			if got := f.h.refusals(); got != "[]" {
				t.Errorf("refusals %s", got)
			}
		})
	}
	check("between requests", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", func(o *Options) { o.IdleTimeout = limit })
	check("before the first, as nginx: by the client timeout", "", func(o *Options) { o.ClientTimeout = limit })
	check("after blank lines", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n\r\n", func(o *Options) { o.IdleTimeout = limit })
}

func TestAConnectionThatIsUsedIsNotIdle(t *testing.T) {
	const limit = 100 * time.Millisecond
	f := start(t, echo, func(o *Options) { o.IdleTimeout = limit })
	c := f.dial(t)
	for range 5 {
		waitFor(t, limit/2)
		c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
		c.expect(200, "GET /a  ")
	}
}

func TestASlowHandlerIsNotTheClientsFault(t *testing.T) {
	f := start(t, func(x *Exchange) {
		waitFor(t, 5*short)
		echo(x)
	}, func(o *Options) { o.ClientTimeout, o.IdleTimeout = short, short })
	c := f.dial(t)
	c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(200, "GET /a  ")
}

func TestAClientThatDoesNotTakeItsAnswerIsCut(t *testing.T) {
	const limit = 100 * time.Millisecond
	errs := make(chan error, 1)
	f := start(t, func(x *Exchange) {
		x.Out = append(x.Out, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"...)
		err := x.Write(make([]byte, 100_000_000))
		if again := x.Write([]byte("x")); again == nil {
			t.Error("it can be written to afterwards")
		}
		errs <- err
	}, func(o *Options) { o.ClientTimeout = limit })
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := <-errs; err != ErrClientSlow {
		t.Errorf("Write: %v", err)
	}
	if _, err := io.Copy(io.Discard, c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the end does not show that the answer was cut: %v", err)
	}
}

func TestAClientThatTakesItsAnswerSlowlyGetsItWhole(t *testing.T) {
	const limit = 150 * time.Millisecond
	const size = 12 << 20
	f := start(t, func(x *Exchange) {
		x.Out = append(x.Out, "HTTP/1.1 200 OK\r\nContent-Length: 12582912\r\n\r\n"...)
		if err := x.Write(make([]byte, size)); err != nil {
			t.Error(err)
		}
	}, func(o *Options) { o.ClientTimeout = limit })
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	begun := time.Now()
	total := 0
	p := make([]byte, 1<<20)
	for total < size {
		n, err := io.ReadFull(c.in, p)
		total += n
		if err != nil {
			t.Fatalf("after %d: %v", total, err)
		}
		waitFor(t, limit/4)
	}
	if took := time.Since(begun); took < 2*limit*3/4 {
		t.Skipf("took only %v", took)
	}
}
