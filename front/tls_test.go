package front

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tutti/secure"
	"tutti/secure/securetest"
)

// overTLS is start with a server that speaks TLS; f.dial does, too.
func overTLS(t *testing.T, h func(x *Exchange), change ...func(o *Options)) *fixture {
	t.Helper()
	var client *tls.Config
	f := start(t, h, append(change, func(o *Options) { client = speakTLS(t, o) })...)
	f.client = client
	return f
}

// stillOverTLS is overTLS of a server whose time passes with fixture.pass alone.
func stillOverTLS(t *testing.T, h func(x *Exchange), change ...func(o *Options)) *fixture {
	t.Helper()
	var client *tls.Config
	f := startStill(t, h, append(change, func(o *Options) { client = speakTLS(t, o) })...)
	f.client = client
	return f
}

func TestOverTLSRequestsAreServedInTurn(t *testing.T) {
	f := overTLS(t, func(x *Exchange) {
		if x.Proto() != "https" {
			t.Error("it is " + x.Proto())
		}
		echo(x)
	})
	c := f.dial(t)
	for range 5 {
		c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo")
		c.send("dyPOST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n")
		c.send("2\r\ndy\r\n0\r\nT: x\r\n\r\n")
		c.expect(200, "GET /a  ")
		c.expect(200, "POST /b body ")
		c.expect(200, "POST /c body T: x")
	}
	c.send("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	c.expect(200, "GET /a  ")
	c.expectEnd() // with TLS's own word: anything else is an error
}

func TestOverTLSAHeadInOneByteRecordsSucceeds(t *testing.T) {
	c := overTLS(t, echo).dial(t)
	for _, b := range []byte("GET /a HTTP/1.1\r\nHost: x\r\n\r\n") {
		c.send(string(b))
	}
	c.expect(200, "GET /a  ")
}

func TestOverTLSWhatIsTooSlowIsCut(t *testing.T) {
	check := func(how, request string, p phase, status int) {
		t.Run(how, func(t *testing.T) {
			f := stillOverTLS(t, echo)
			c := f.dial(t)
			c.send(request)
			f.noted(t, p)
			f.pass(f.sweeper.client + 1)
			if status != 0 {
				c.expectRefusal(status)
			} else {
				c.expectEnd()
			}
		})
	}
	check("nothing", "", fresh, 0)
	check("a head", "GET /a HTTP/1.1\r\nHo", heading, 408)
	check("a small body", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab", arriving, 408)
}

func TestAHandshakeThatTakesTooLongIsCut(t *testing.T) {
	f := stillOverTLS(t, echo, func(o *Options) { o.ClientTimeout = patience / 2 })
	for _, sent := range []string{"", "\x16\x03\x01\x02\x00\x01"} {
		nc, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(nc, sent); err != nil {
			t.Fatal(err)
		}
		// others are served meanwhile
		c := f.dial(t)
		c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
		c.expect(200, "GET /a  ")
		f.pass(f.sweeper.client + 1)
		if got, err := io.ReadAll(nc); len(got) > 7 || isTimeout(err) {
			t.Errorf("after %q: got %q, %v", sent, got, err)
		}
		_, _ = c.Close(), nc.Close()
	}
	eventually(t, "nobody is left", func() bool { return f.Stats().Active == 0 })
	if got := f.h.refusals(); got != "[]" {
		t.Errorf("refusals %s", got)
	}
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

func TestAHandshakeUnderWayDoesNotHoldUpADrain(t *testing.T) {
	f := overTLS(t, echo)
	nc, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	eventually(t, "it is accepted", func() bool { return f.Stats().Active == 1 })
	wantDrained(t, f.drain(t.Context()))
}

func TestPlainHTTPToATLSPortIsRefusedInPlainHTTP(t *testing.T) {
	f := overTLS(t, echo)
	for _, request := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PROPFIND /x HTTP/1.1\r\nHost: x\r\n\r\n" + strings.Repeat("x", 100_000)} {
		nc, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(nc, request)
		got, err := io.ReadAll(nc)
		if err != nil || !bytes.HasPrefix(got, []byte("HTTP/1.1 400 ")) || !bytes.Contains(got, []byte("speaks TLS")) {
			t.Errorf("%.8s: got %q, %v", request, got, err)
		}
		_ = nc.Close()
	}
	eventually(t, "both are counted", func() bool { return f.h.refusals() == "[400 400]" })
}

func TestGarbageToATLSPortIsNothing(t *testing.T) {
	f := overTLS(t, echo)
	nc, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	_ = nc.SetDeadline(time.Now().Add(patience))
	_, _ = nc.Write(bytes.Repeat([]byte{0, 1, 2, 3}, 100))
	if got, err := io.ReadAll(nc); bytes.Contains(got, []byte("HTTP")) || isTimeout(err) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOnlyTLS12AndLaterAndHTTP11AreSpoken(t *testing.T) {
	a := securetest.New(t)
	cert, key := a.Issue("front.test").Files()
	p, err := secure.LoadPair(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := start(t, echo, func(o *Options) { o.TLS = secure.ServerConfig(p) })
	check := func(what string, want string, change func(c *tls.Config)) {
		t.Run(what, func(t *testing.T) {
			c := secure.ClientConfig("front.test", a.Roots())
			change(c)
			nc, err := tls.Dial("tcp", f.addr, c)
			switch {
			case err != nil && (want == "" || !strings.Contains(err.Error(), want)):
				t.Errorf("got %v, want %q", err, want)
			case err == nil && want != "":
				t.Errorf("agreed, want %q", want)
			case err == nil && c.NextProtos != nil && nc.ConnectionState().NegotiatedProtocol != "http/1.1":
				t.Errorf("the protocol is %q", nc.ConnectionState().NegotiatedProtocol)
			}
			if err == nil {
				_ = nc.Close()
			}
		})
	}
	check("TLS 1.3", "", func(*tls.Config) {})
	check("TLS 1.2", "", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
	check("TLS 1.1", "version", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	check("both protocols", "", func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} })
	check("HTTP/2 alone", "protocol", func(c *tls.Config) { c.NextProtos = []string{"h2"} })
	check("no protocol", "", func(c *tls.Config) { c.NextProtos = nil })
}

func TestATLSClientThatLeavesAbandonsTheExchange(t *testing.T) {
	check := func(how string, leave func(c *client)) {
		t.Run(how, func(t *testing.T) {
			h := newHeld()
			f := overTLS(t, func(x *Exchange) {
				x.Hold(h)
				<-h.once
				x.Hold(nil)
				reply(x, "too late")
			}, quick)
			c := f.dial(t)
			c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			eventually(t, "it is served", func() bool { return f.any(answering) })
			leave(c)
			eventually(t, "the connection is gone", func() bool { return f.Stats().Active == 0 })
			if n := h.times.Load(); n != 1 {
				t.Errorf("abandoned %d times", n)
			}
		})
	}
	check("by closing", func(c *client) { _ = c.Close() })
	check("by FIN alone", func(c *client) { _ = c.tcp.CloseWrite() })
	check("by a reset", func(c *client) { c.cut() })
}

func TestATLSStreamCutWithinABodyIsNeverWhole(t *testing.T) {
	const (
		length  = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbo"
		chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n"
		small   = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo"
	)
	for _, request := range []string{length, chunked, small} {
		for how, end := range map[string]func(c *client){
			"FIN":          func(c *client) { _ = c.tcp.CloseWrite() },
			"close_notify": func(c *client) { _ = c.CloseWrite() },
			"half a record": func(c *client) {
				_, _ = c.tcp.Write([]byte{23, 3, 3, 0, 60, 1, 2})
				_ = c.tcp.CloseWrite()
			},
			"garbage": func(c *client) { _, _ = c.tcp.Write(append([]byte{23, 3, 3, 0, 30}, make([]byte, 30)...)) },
		} {
			var whole atomic.Bool
			f := overTLS(t, func(x *Exchange) {
				if _, ok := x.Body(); ok {
					whole.Store(true)
					return
				}
				_, err := readAll(x, 100)
				if !errors.Is(err, ErrClientLeft) {
					whole.Store(true)
				}
				x.Abort()
			})
			c := f.dial(t)
			c.send(request)
			end(c)
			eventually(t, "the connection is gone", func() bool { return f.Stats().Active == 0 })
			if whole.Load() {
				t.Errorf("%s in %q: taken for whole", how, request)
			}
		}
	}
}

func TestAnAnswerCutOffIsSeenCutOverTLS(t *testing.T) {
	f := overTLS(t, func(x *Exchange) {
		x.Status = 200
		x.Out = append(x.Out, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf"...)
		_ = x.Flush()
		x.Abort()
	})
	c := f.dial(t)
	c.send("GET / HTTP/1.0\r\nHost: x\r\n\r\n")
	if got, err := io.ReadAll(c.in); err == nil {
		t.Errorf("a clean end after %q", got)
	}
}

func TestABigBodyGoesBothWaysOverTLS(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 1<<16)
	f := overTLS(t, func(x *Exchange) {
		got, err := readAll(x, 10_000)
		if err != nil || string(got) != body {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		reply(x, body)
	})
	c := f.dial(t)
	for range 3 {
		c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n" + body)
		c.expect(200, body)
	}
}

func TestARefusalReachesATLSClientThatGoesOnSending(t *testing.T) {
	f := overTLS(t, echo)
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\nbad name: x\r\n\r\n")
	for range 20 {
		if _, err := io.WriteString(c.Conn, strings.Repeat("x", 100_000)); err != nil {
			break
		}
	}
	c.expectRefusal(400)
}
