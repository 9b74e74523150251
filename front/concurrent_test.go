package front

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestABodyIsReadByOneGoroutineWhileAnotherAnswers(t *testing.T) {
	var served atomic.Int64
	f := start(t, func(x *Exchange) {
		defer served.Add(1)
		pieces := make(chan []byte, 4)
		go func() {
			defer close(pieces)
			for {
				p := make([]byte, 3000)
				n, err := x.ReadBody(p)
				if n > 0 {
					pieces <- p[:n]
				}
				if err != nil {
					if err != io.EOF {
						t.Error(err)
					}
					return
				}
			}
		}()
		first := true
		total := 0
		for p := range pieces {
			if first {
				x.Out = fmt.Appendf(x.Out, "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n", x.Req.Path[1:])
				first = false
			}
			total += len(p)
			if err := x.Write(p); err != nil {
				t.Error(err)
			}
		}
		if !x.KeepAlive() {
			t.Error("not kept")
		}
	})
	const size = 500_000
	body := strings.Repeat("b", size)
	for _, chunked := range []bool{false, true} {
		c := f.dial(t)
		for range 3 {
			request := fmt.Sprintf("POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, size, body)
			if chunked {
				request = fmt.Sprintf("POST /%d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, size, body)
			}
			var wg sync.WaitGroup
			wg.Go(func() { c.send(request + request) })
			c.expect(200, body)
			c.expect(200, body)
			wg.Wait()
		}
	}
	// A server that is being closed keeps no connection.
	eventually(t, "the last handler has returned", func() bool { return served.Load() == 12 })
}

func TestManyClientsAreServedAtOnce(t *testing.T) {
	f := start(t, echo)
	var wg sync.WaitGroup
	for i := range 50 {
		c := f.dial(t)
		wg.Go(func() {
			for j := range 50 {
				if _, err := fmt.Fprintf(c, "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n%02d", i, j); err != nil {
					t.Error(err)
					return
				}
				want := fmt.Sprintf("POST /%d %02d ", i, j)
				want = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(want), want)
				got := make([]byte, len(want))
				if _, err := io.ReadFull(c.in, got); err != nil || string(got) != want {
					t.Errorf("got %q, %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := f.Stats().Requests; n != 2500 {
		t.Errorf("%d requests", n)
	}
}

// gated is a listener that accepts nobody before it is told to stop.
type gated struct {
	*net.TCPListener
	gate chan struct{}
}

func (l *gated) Accept() (net.Conn, error) {
	<-l.gate
	return l.TCPListener.Accept()
}

func (l *gated) SetDeadline(at time.Time) error {
	if until := time.Until(at); until < -patience || until > time.Second {
		return errors.New("another deadline than expected")
	}
	defer close(l.gate)
	return l.TCPListener.SetDeadline(time.Now().Add(time.Second)) // on a slow machine, too
}

func TestWhoWasConnectedWhenTheDrainBeganIsServed(t *testing.T) {
	plainOnly(t)
	f := start(t, echo)
	ln := &gated{TCPListener: listen(t).(*net.TCPListener), gate: make(chan struct{})}
	f.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- f.Serve(ln) }()
	var clients []*client
	for range 5 {
		c := f.dial(t)
		c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
		clients = append(clients, c)
	}
	done := f.drain(t.Context())
	for _, c := range clients {
		c.expect(200, "GET /a  ")
		c.expectEnd()
	}
	wantDrained(t, done)
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("Serve goes on")
	}
}
