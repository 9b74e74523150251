//go:build linux && (amd64 || arm64) && !tutti_plain

package front

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"tutti/pipe"
)

// source is a connection whose bytes a test's handler moves into pipes.
type source struct {
	t    testing.TB
	to   net.Conn
	fd   uintptr
	pool pipe.Pool
}

func newSource(t testing.TB) *source {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	to, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	from, err := ln.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	s := &source{t: t, to: to}
	raw, err := from.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { s.fd = fd })
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = to.Close(), from.Close(); s.pool.Close() })
	return s
}

// pass sends body through pipes, and reports the first error of WritePipe.
func (s *source) pass(x *Exchange, body []byte) error {
	p := s.pool.Take()
	defer s.pool.Give(p, 1)
	for len(body) > 0 {
		piece := body[:min(len(body), 100_000)]
		body = body[len(piece):]
		if _, err := s.to.Write(piece); err != nil {
			s.t.Error(err)
		}
		for left := int64(len(piece)); left > 0; {
			n, e := p.Fill(s.fd, left)
			switch {
			case e == syscall.EAGAIN: // its way takes a while
			case e != 0:
				s.t.Error(e)
				return e
			}
			left -= int64(n)
			if n == 0 {
				continue
			}
			if err := x.WritePipe(p); err != nil {
				return err
			}
			if p.Held() > 0 {
				s.t.Errorf("%d bytes are left", p.Held())
			}
		}
	}
	return nil
}

// appendHead begins an answer of so many bytes.
func appendHead(x *Exchange, size int) {
	x.Status = 200
	x.Out = append(x.Out, "HTTP/1.1 200 OK\r\nContent-Length: "...)
	x.Out = strconv.AppendInt(x.Out, int64(size), 10)
	x.Out = append(x.Out, "\r\n\r\n"...)
}

func numbers(size int) []byte {
	var b bytes.Buffer
	for b.Len() < size {
		b.WriteString(strconv.Itoa(b.Len()))
	}
	return b.Bytes()[:size]
}

func TestWhatIsInAPipeFollowsWhatIsInOut(t *testing.T) {
	plainOnly(t)
	body := numbers(3 << 20)
	s := newSource(t)
	sent := make(chan int64, 10)
	f := start(t, func(x *Exchange) {
		if _, whole := x.Body(); !whole {
			_, _ = readAll(x, 100)
		}
		if !x.TakesPipes() {
			t.Error("it takes no pipes")
		}
		appendHead(x, len(body))
		x.Out = append(x.Out, body[:1000]...)
		if err := x.Flush(); err != nil {
			t.Error(err)
		}
		x.Out = append(x.Out, body[1000:2000]...)
		if err := s.pass(x, body[2000:]); err != nil {
			t.Error(err)
		}
	}, func(o *Options) { o.Ended = func(x *Exchange) { sent <- x.BodySent() } })
	c := f.dial(t)
	c.in = bufio.NewReaderSize(c.Conn, 16)
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", // outside of the callback
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		c.send(request)
		if status, _, got := c.answer(); status != 200 || got != string(body) {
			t.Errorf("%d with %d bytes", status, len(got))
		}
		if n := <-sent; n != int64(len(body)) {
			t.Errorf("%d bytes are said to be sent", n)
		}
	}
}

func TestAClientThatDoesNotTakeAPipeIsSlowOrGone(t *testing.T) {
	plainOnly(t)
	s := newSource(t)
	failed := make(chan error, 1)
	sent := make(chan int64, 1)
	block := numbers(100_000)
	f := start(t, func(x *Exchange) {
		appendHead(x, 1<<30)
		_ = x.Flush()
		var err error
		for err == nil {
			err = s.pass(x, block)
		}
		p := s.pool.Take()
		if x.WritePipe(p) == nil {
			t.Error("it can be written on")
		}
		s.pool.Give(p, 1)
		failed <- err
		x.Abort()
	}, func(o *Options) {
		o.ClientTimeout = 600 * time.Millisecond
		o.Ended = func(x *Exchange) { sent <- x.BodySent() }
	})
	ask := func() *client {
		c := f.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if _, err := c.in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := ask()
	if err := <-failed; !errors.Is(err, ErrClientSlow) {
		t.Errorf("who does not read is %v", err)
	}
	_, err := io.Copy(io.Discard, c.in)
	if n := <-sent; n < 1 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after %d bytes it saw %v", n, err)
	}
	c = ask()
	c.cut()
	if err := <-failed; !errors.Is(err, ErrClientLeft) {
		t.Errorf("who cuts is %v", err)
	}
	<-sent
}

func TestAClientThatTakesALittleNowAndThenIsNotSlow(t *testing.T) {
	plainOnly(t)
	s := newSource(t)
	const size = 90_000
	body := numbers(size)
	var took time.Duration
	f := start(t, func(x *Exchange) {
		_ = x.c.rc.Control(func(fd uintptr) {
			if err := syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 8<<10); err != nil {
				t.Error(err)
			}
		})
		appendHead(x, size)
		_ = x.Flush()
		begun := time.Now()
		if err := s.pass(x, body); err != nil {
			t.Error(err)
		}
		took = time.Since(begun)
	}, func(o *Options) { o.ClientTimeout = time.Second })
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
	}}
	c, err := d.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	got, in := []byte(nil), make([]byte, 4<<10)
	for {
		n, err := io.ReadFull(c, in)
		got = append(got, in[:n]...)
		if err != nil {
			break
		}
		<-time.After(100 * time.Millisecond)
	}
	if !bytes.HasSuffix(got, body) {
		t.Errorf("it got %d bytes", len(got))
	}
	if f.Close(); took < time.Second {
		t.Errorf("it took only %v", took)
	}
}

func TestOverTLSThereAreNoPipes(t *testing.T) {
	if os.Getenv("TUTTI_TLS") == "" {
		t.Setenv("TUTTI_TLS", "1")
	}
	f := start(t, func(x *Exchange) {
		if x.TakesPipes() {
			t.Error("it takes pipes")
		}
		reply(x, "ok")
	})
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	c.expect(200, "ok")
}
