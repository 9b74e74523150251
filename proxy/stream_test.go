package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tutti/backend"
	"tutti/metrics"
)

func TestALargeUploadArrivesByteForByte(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
	got := make(chan string, 1)
	addr := balance(t, nil, newFake(t, func(c net.Conn, r *bufio.Reader) {
		for {
			h, err := readHead(r)
			if err != nil {
				return
			}
			if strings.Contains(h, "chunked") {
				b, _ := io.ReadAll(httputil.NewChunkedReader(r))
				trailer, _ := readHead(r)
				got <- string(b) + trailer
			} else {
				got <- string(readBody(r, h))
			}
			_, _ = io.WriteString(c, ok("x"))
		}
	}))
	c, r := dial(t, addr)
	send(t, c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n"+body)
	if <-got != body {
		t.Error("with a length: another body")
	}
	readBody(r, head(t, r))
	send(t, c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n100000\r\n"+body+"\r\n0\r\nX-Sum: 1\r\n\r\n")
	if <-got != body+"X-Sum: 1\r\n\r\n" {
		t.Error("in chunks: another body or trailer")
	}
	readBody(r, head(t, r))
	until(t, "after a whole upload the connection is kept", func() bool { // unless a busy machine is late to see its end
		c, r := dial(t, addr)
		send(t, c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
		<-got
		return !strings.Contains(head(t, r), "close")
	})
}

func TestABackendMayAnswerBeforeItHasReadTheRequest(t *testing.T) {
	addr := balance(t, nil, newFake(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
		}
	}))
	c, r := dial(t, addr)
	go func() {
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\n\r\n")
		piece := make([]byte, 64<<10)
		for range 1600 {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	}()
	h := head(t, r)
	if !strings.HasPrefix(h, "HTTP/1.1 413") || !strings.Contains(h, "Connection: close") {
		t.Errorf("got %q", h)
	}
	if b := readBody(r, h); string(b) != "big" {
		t.Errorf("got %q", b)
	}
}

func TestHalfABodyNeverLooksLikeAWholeOne(t *testing.T) {
	f := func(request string) {
		t.Helper()
		whole := make(chan string, 1)
		addr := balance(t, nil, newFake(t, func(_ net.Conn, r *bufio.Reader) {
			h, err := readHead(r)
			if err != nil {
				whole <- ""
				return
			}
			if strings.Contains(h, "chunked") {
				if _, err := io.ReadAll(httputil.NewChunkedReader(r)); err != nil {
					h = ""
				}
			} else {
				n, _ := io.Copy(io.Discard, r)
				if n < 100000 {
					h = ""
				}
			}
			whole <- h
		}))
		c, r := dial(t, addr)
		send(t, c, request)
		_ = c.(*net.TCPConn).CloseWrite()
		if h := <-whole; h != "" {
			t.Errorf("%.80q arrived as whole: %q", request, h)
		}
		_, _ = io.Copy(io.Discard, r)
	}
	f("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 70000))
	f("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	f("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")
	f("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
}

func TestTheBackendDecidesWhetherToContinue(t *testing.T) {
	addr := balance(t, nil, newFake(t, func(c net.Conn, r *bufio.Reader) {
		h, err := readHead(r)
		if err != nil || !strings.Contains(h, "Expect: 100-continue\r\n") {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		readBody(r, h)
		_, _ = io.WriteString(c, ok("x"))
	}))
	c, r := dial(t, addr)
	send(t, c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	if h := head(t, r); h != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Fatalf("got %q", h)
	}
	send(t, c, "hi")
	if h := head(t, r); !strings.HasPrefix(h, "HTTP/1.1 200") {
		t.Errorf("got %q", h)
	}
}

func TestATunnelCarriesTheFirstFramesOfBothSides(t *testing.T) {
	addr := balance(t, nil, newFake(t, func(c net.Conn, r *bufio.Reader) {
		h, err := readHead(r)
		if err != nil || !strings.Contains(h, "Upgrade: echo\r\n") || !strings.Contains(h, "Connection: Upgrade\r\n") {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nserver first\n")
		_, _ = io.Copy(c, r)
	}))
	c, r := dial(t, addr)
	send(t, c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nclient first\n")
	if h := head(t, r); !strings.HasPrefix(h, "HTTP/1.1 101 ") || !strings.Contains(h, "\r\nUpgrade: echo\r\n") || !strings.Contains(h, "\r\nConnection: Upgrade\r\n") {
		t.Fatalf("got %q", h)
	}
	for _, want := range []string{"server first\n", "client first\n"} {
		if line, err := r.ReadString('\n'); err != nil || line != want {
			t.Fatalf("got %q, %v, want %q", line, err, want)
		}
	}
	send(t, c, "more\n")
	if line, err := r.ReadString('\n'); err != nil || line != "more\n" {
		t.Errorf("got %q, %v", line, err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("the end of one side did not end the other: %v", err)
	}
}

// The client is not to blame when the backend gave up first, wherever its own upload stood.
func TestABackendThatFailsDuringAnUploadIsA502(t *testing.T) {
	for name, s := range map[string]script{
		"closes":        func(_ net.Conn, r *bufio.Reader) { _, _ = readHead(r) },
		"says nonsense": func(c net.Conn, r *bufio.Reader) { _, _ = readHead(r); _, _ = io.WriteString(c, "SSH-2.0-x\r\n\r\n") },
		"switches": func(c net.Conn, r *bufio.Reader) {
			_, _ = readHead(r)
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			addr := balance(t, nil, newFake(t, s))
			c, r := dial(t, addr)
			send(t, c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nonly this")
			if h := head(t, r); !strings.HasPrefix(h, "HTTP/1.1 502 ") || !strings.Contains(h, "\r\nConnection: close\r\n") {
				t.Errorf("got %q", h)
			}
		})
	}
}

// A client must not be able to have backends taken out by leaving before their interim answers.
func TestAClientThatLeavesBeforeAnInterimAnswerIsNoFailureOfTheBackend(t *testing.T) {
	var hits [2]atomic.Int64
	answered := make(chan bool, 2)
	var fakes []*fake
	for i := range hits {
		fakes = append(fakes, newFake(t, func(c net.Conn, r *bufio.Reader) {
			for {
				h, err := readHead(r)
				if err != nil {
					return
				}
				readBody(r, h)
				if strings.HasPrefix(h, "GET ") {
					hits[i].Add(1)
					_, _ = io.WriteString(c, ok("x"))
					continue
				}
				<-time.After(50 * time.Millisecond)
				for range 3 {
					_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n\r\n")
					<-time.After(10 * time.Millisecond)
				}
				_, err = r.ReadByte()
				answered <- err == nil
				return
			}
		}))
	}
	addr := balance(t, func(o *backend.Options, _ *Options) { o.EjectAfter = 1 }, fakes...)
	for range 2 {
		c, _ := dial(t, addr)
		send(t, c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 100000))
		<-time.After(20 * time.Millisecond)
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
		<-answered
	}
	for range 10 {
		talk(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}
	if a, b := hits[0].Load(), hits[1].Load(); a != 5 || b != 5 {
		t.Errorf("the backends had %d and %d of 10", a, b)
	}
}

// Nor by making them tired of a body that does not come: servers close such a connection without
// a word.
func TestABackendThatIsTiredOfASlowUploadHasNotFailed(t *testing.T) {
	var hits [2]atomic.Int64
	var fakes []*fake
	for i := range hits {
		fakes = append(fakes, newFake(t, func(c net.Conn, r *bufio.Reader) {
			for {
				h, err := readHead(r)
				if err != nil || strings.HasPrefix(h, "POST ") {
					return
				}
				hits[i].Add(1)
				_, _ = io.WriteString(c, ok("x"))
			}
		}))
	}
	addr := balance(t, func(o *backend.Options, _ *Options) { o.EjectAfter = 1 }, fakes...)
	for range 2 {
		c, r := dial(t, addr)
		send(t, c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx")
		if h := head(t, r); !strings.HasPrefix(h, "HTTP/1.1 502 ") {
			t.Errorf("got %q", h)
		}
	}
	for range 10 {
		talk(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}
	if a, b := hits[0].Load(), hits[1].Load(); a != 5 || b != 5 {
		t.Errorf("the backends had %d and %d of 10", a, b)
	}
}

// Who receives is woken by the upload that was too long before that has ended.
func TestAnUploadThatTimedOutIsTheBackendsFailure(t *testing.T) {
	u := &upload{done: make(chan struct{}), backend: backend.ErrTimeout}
	if got := u.blame(backend.ErrAbandoned); got != backend.ErrAbandoned {
		t.Errorf("of one that goes on: %v", got)
	}
	u.timedOut.Store(true)
	go close(u.done)
	if got := u.blame(backend.ErrAbandoned); got != backend.ErrTimeout {
		t.Errorf("got %v", got)
	}
}

// As reads and writes count it. That all connections are in use is no failure of the backend.
func TestAnUploadCountsThatItsBackendCannotBeReached(t *testing.T) {
	const upload = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nonly this"
	came, hang := make(chan struct{}, 1), make(chan struct{})
	defer close(hang)
	f := newFake(t, func(_ net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		came <- struct{}{}
		<-hang
	})
	var o *Options
	addr := balance(t, func(b *backend.Options, all *Options) {
		o, b.MaxConns, all.QueueTimeout = all, 2, time.Millisecond // of two an upload may have one
	}, f)
	refused := func(status int, counted uint64) {
		t.Helper()
		c, r := dial(t, addr)
		send(t, c, upload)
		if h := head(t, r); !strings.HasPrefix(h, fmt.Sprintf("HTTP/1.1 %d ", status)) {
			t.Errorf("got %q", h)
		}
		var e metrics.Exchanges
		if o.Group.All()[0].Metrics().Look(&e); e.Unanswered != counted {
			t.Errorf("%d are counted, want %d", e.Unanswered, counted)
		}
	}
	c, _ := dial(t, addr)
	send(t, c, upload)
	<-came
	refused(503, 0)

	f = newFake(t, nil)
	f.stop()
	addr = balance(t, func(_ *backend.Options, all *Options) { o = all }, f)
	refused(502, 1)
}
