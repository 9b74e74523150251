package front

import (
	"bufio"
	"net"
	"strings"
	"testing"
)

func TestRequestsOnAKeptConnectionAreAnsweredInTurn(t *testing.T) {
	f := start(t, echo)
	c := f.dial(t)
	for range 3 {
		c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
		c.expect(200, "GET /a  ")
		c.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
		c.expect(200, "POST /b abc ")
		c.send("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nx-a: 1\r\n\r\n")
		c.expect(200, "POST /c abcd x-a: 1")
	}
	if got := f.Stats().Requests; got != 9 {
		t.Errorf("%d requests counted", got)
	}
}

func TestAConnectionIsKeptOnlyWhenBothSidesMeanIt(t *testing.T) {
	f := start(t, func(x *Exchange) {
		if string(x.Req.Path) == "/close" {
			x.CloseAfter()
		}
		reply(x, "ok")
	})
	check := func(why, request string, kept bool) {
		t.Run(why, func(t *testing.T) {
			c := f.dial(t)
			c.send(request)
			_, head, _ := c.answer()
			if said := !strings.Contains(head, "Connection: close"); said != kept {
				t.Errorf("the answer says kept: %t", said)
			}
			if !kept {
				c.expectEnd()
				return
			}
			c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			c.expect(200, "ok")
		})
	}
	check("1.1", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", true)
	check("1.1 with close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false)
	check("1.0", "GET / HTTP/1.0\r\nHost: x\r\n\r\n", false)
	check("1.0 with keep-alive", "GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", true)
	check("the handler wants it closed", "GET /close HTTP/1.1\r\nHost: x\r\n\r\n", false)
	check("the body was here, if not looked at", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", true)
	check("the body was not read", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", false)
}

func TestAClientThatSentMoreThanIsServedSeesItsAnswerAndNoReset(t *testing.T) {
	sent, handling := make(chan struct{}), make(chan struct{})
	f := start(t, func(x *Exchange) {
		handling <- struct{}{}
		<-sent
		reply(x, "last")
	})
	for range 20 {
		c := f.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		<-handling
		c.send(strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1000))
		sent <- struct{}{}
		c.expect(200, "last")
		c.expectEnd()
	}
}

func TestWhatKeepAliveSaidItGoesOnSaying(t *testing.T) {
	f := start(t, func(x *Exchange) {
		first := x.KeepAlive()
		if string(x.Req.Method) == "POST" {
			if _, err := readAll(x, 10); err != nil {
				t.Errorf("reading the body: %v", err)
			}
		}
		if x.KeepAlive() != first {
			t.Errorf("KeepAlive said %t, then %t", first, !first)
		}
		reply(x, "")
	})
	c := f.dial(t)
	c.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	eventually(t, "the handler runs", func() bool { return f.Stats().Writing == 1 })
	c.send("abc")
	_, head, _ := c.answer()
	if !strings.Contains(head, "Connection: close") {
		t.Errorf("head %q", head)
	}
	c.expectEnd()
}

func TestTheClientsAddressHasNoPort(t *testing.T) {
	f := start(t, func(x *Exchange) {
		if !x.Loopback() {
			t.Error("not on loopback")
		}
		reply(x, x.ClientIP())
	})
	c := f.dial(t)
	for range 2 {
		c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		c.expect(200, "127.0.0.1")
	}
}

// pipeListener hands out connections that have no descriptor, as TLS will.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func TestAConnectionWithoutADescriptorIsServed(t *testing.T) {
	plainOnly(t)
	f := start(t, echo)
	ln := &pipeListener{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- f.Serve(ln) }()
	ours, theirs := net.Pipe()
	ln.conns <- theirs
	go func() {
		_, _ = ours.Write([]byte("GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"))
	}()
	in := bufio.NewReader(ours)
	want := "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nGET /a  HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nPOST /b hi "
	got := make([]byte, len(want))
	for n := 0; n < len(got); {
		k, err := in.Read(got[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
	if string(got) != want {
		t.Errorf("got %q", got)
	}
	_ = ours.Close()
	_ = f.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
