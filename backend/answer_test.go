package backend

import (
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tutti/clock"
	"tutti/wire"
)

func TestAnswersAreReadToTheirEndHoweverTheyAreSplit(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 20_000)
	for _, c := range []struct {
		name   string
		req    string
		answer string
		status int
		body   string
		kept   bool
	}{
		{"a length", get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true},
		{"a length of nothing", get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true},
		{"chunks", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200, "hello", true},
		{"chunks with extensions and trailers", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0;x\r\nA: b\r\n\r\n", 200, "hello", true},
		// Traefik waited for the body of these (traefik#11407).
		{"HEAD with a length", head, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "", true},
		{"HEAD with chunks", head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", true},
		{"204", get, "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
		{"304 with a length", get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", true},
		{"an error with a body", get, "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", 500, "no", true},
		{"HTTP/1.0 that keeps alive", get, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true},
		{"HTTP/1.0 that does not", get, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", false},
		{"Connection: close", get, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", false},
		{"1xx before it", get, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true},
		{"a long body", get, "HTTP/1.1 200 OK\r\nContent-Length: 320000\r\n\r\n" + long, 200, long, true},
		{"a long chunk", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4e200\r\n" + long + "\r\n0\r\n\r\n", 200, long, true},
		{"a head longer than the first buffer", get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: " + long[:10_000] + "\r\n\r\nhi", 200, "hi", true},
		// What is left over belongs to no request.
		{"bytes left over", get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello?", 200, "hello", false},
		{"a second answer", get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", false},
		{"a body to a HEAD", head, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "", false},
	} {
		ways := map[string]fault{"at once": says(c.answer)}
		if len(c.answer) < 1000 {
			// A head that comes byte by byte must succeed.
			ways["byte by byte"] = saysInBytes(c.answer)
		}
		for way, f := range ways {
			t.Run(c.name+" "+way, func(t *testing.T) {
				b := newBackend(t, newFake(t, f).name(), nil)
				status, body, err := do(b, c.req)
				if err != nil || status != c.status || body != c.body {
					t.Fatalf("got %d %.40q %v, want %d %.40q", status, body, err, c.status, c.body)
				}
				if c.kept != (b.Stats().Idle == 1) && way == "at once" {
					t.Errorf("%d idle connections, kept should be %v", b.Stats().Idle, c.kept)
				}
			})
		}
	}
}

func TestAnAnswerThatEndsWithItsConnection(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer fault
		body   string
		err    error
	}{
		{"a FIN is its end", saysThenCloses("HTTP/1.1 200 OK\r\n\r\nhello"), "hello", nil},
		{"a reset is none", saysThenResets("HTTP/1.1 200 OK\r\n\r\nhello"), "hello", ErrTerminated},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBackend(t, newFake(t, c.answer).name(), nil)
			_, body, err := do(b, get)
			// What a reset overtakes may be lost.
			if err != c.err || err == nil && body != c.body {
				t.Errorf("got %q %v, want %q %v", body, err, c.body, c.err)
			}
			if s := b.Stats(); s.Idle+s.Active != 0 {
				t.Errorf("it was kept: %+v", s)
			}
		})
	}
}

func TestABodyCutShortIsNoEnd(t *testing.T) {
	for name, f := range map[string]fault{
		"closed inside its length":       saysThenCloses("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"),
		"closed inside a chunk":          saysThenCloses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello"),
		"closed at a chunk's edge":       saysThenCloses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
		"closed before the trailers end": saysThenCloses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n"),
		"reset inside its length":        saysThenResets("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, newFake(t, f).name(), nil)
			if _, body, err := do(b, get); err != ErrTerminated {
				t.Errorf("got %q %v", body, err)
			}
		})
	}
}

func TestNonsenseIsAProtocolError(t *testing.T) {
	const end = "\r\n\r\n"
	for name, answer := range map[string]string{
		"two lengths":               "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6" + end + "hello",
		"length and chunks":         "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked" + end + "0" + end,
		"an unknown coding":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip" + end,
		"no HTTP":                   "SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n",
		"a bare LF":                 "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"a NUL":                     "HTTP/1.1 200 OK\r\nA: \x00" + end,
		"status 999":                "HTTP/1.1 999 Hm" + end,
		"HTTP/2":                    "HTTP/2 200 OK" + end,
		"obs-fold":                  "HTTP/1.1 200 OK\r\nA: b\r\n c" + end,
		"a space before the colon":  "HTTP/1.1 200 OK\r\nContent-Length : 0" + end,
		"a negative length":         "HTTP/1.1 200 OK\r\nContent-Length: -1" + end,
		"a length beyond 63 bits":   "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808" + end,
		"an empty line first":       "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0" + end,
		"17 interim answers":        strings.Repeat("HTTP/1.1 102 Processing"+end, 17) + "HTTP/1.1 200 OK\r\nContent-Length: 0" + end,
		"a head a byte too long":    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: " + strings.Repeat("a", 16<<10) + end,
		"chunks that are none":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + end + "hello\r\n",
		"a chunk longer than said":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + end + "2\r\nhello\r\n0" + end,
		"a chunk size of 17 digits": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + end + "10000000000000000\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, says(answer))
			b := newBackend(t, f.name(), nil)
			if _, body, err := do(b, get); err != ErrProtocol {
				t.Errorf("got %q %v", body, err)
			}
			if n := f.requests.Load(); n != 1 {
				t.Errorf("it was sent %d times", n)
			}
			if s := b.Stats(); s.Idle+s.Active != 0 {
				t.Errorf("the connection was kept: %+v", s)
			}
		})
	}
}

func TestEndlessAnswersEnd(t *testing.T) {
	for name, f := range map[string]saysEndlessly{
		"header lines": {"HTTP/1.1 200 OK\r\n", "A: b\r\n"},
		"one line":     {"HTTP/1.1 200 OK\r\nA: ", "aaaaaaaaaaaaaaaa"},
		"1xx":          {"", "HTTP/1.1 102 Processing\r\n\r\n"},
		"a chunk line": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "aaaaaaaaaaaaaaaa"},
		"trailers":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n"},
		"zeros":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, newFake(t, f).name(), nil)
			if _, body, err := do(b, get); err != ErrProtocol {
				t.Errorf("got %q %v", body, err)
			}
		})
	}
}

func TestInterimAnswersAreReceivedOneByOne(t *testing.T) {
	answer := strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 16) + string(ok)
	for name, f := range map[string]fault{"at once": says(answer), "byte by byte": saysInBytes(answer)} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, newFake(t, f).name(), nil)
			c := acquired(t, b)
			var resp wire.Response
			err := c.SendReceive([]byte(get), false, &resp)
			n := 0
			for err == nil && resp.Status == 103 {
				n++
				err = c.Receive(false, &resp)
			}
			if err != nil || n != 16 || resp.Status != 200 {
				t.Fatalf("%d interim answers, then %d %v", n, resp.Status, err)
			}
			if body, err := readBody(c); body != "hello" || err != nil {
				t.Errorf("body %q %v", body, err)
			}
			c.Release()
			if b.Stats().Idle != 1 {
				t.Error("the connection was not kept")
			}
		})
	}
}

// interims is a Holder that is told of 1xx answers.
type interims struct {
	held     interface{ Abandon() }
	statuses []int
}

func (h *interims) Hold(c interface{ Abandon() }) { h.held = c }

func (h *interims) Interim(resp *wire.Response) error {
	h.statuses = append(h.statuses, resp.Status)
	return nil
}

func TestExchangePassesInterimAnswersOnToWhoWantsThem(t *testing.T) {
	b := newBackend(t, newFake(t, says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"+string(ok))).name(), nil)
	var h interims
	var resp wire.Response
	c, err := b.Exchange(ForRead, 0, []byte(get), false, true, &h, &resp)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != 200 || len(h.statuses) != 2 || h.statuses[0] != 100 || h.statuses[1] != 103 {
		t.Errorf("got %d after %v", resp.Status, h.statuses)
	}
	if h.held != any(c) {
		t.Error("it does not hold the connection")
	}
	c.Close()
}

func TestA101IsFinalAndHandsTheConnectionOver(t *testing.T) {
	b := newBackend(t, newFake(t, saysThenHangs("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nfirst")).name(), nil)
	c := acquired(t, b)
	var resp wire.Response
	if err := c.SendReceive([]byte(get), false, &resp); err != nil || resp.Status != 101 {
		t.Fatal(resp.Status, err)
	}
	if p, err := c.NextBody(); len(p) != 0 || err != io.EOF {
		t.Errorf("a body: %q %v", p, err)
	}
	first, nc := c.Tunnel()
	if string(first) != "first" {
		t.Errorf("buffered %q", first)
	}
	if _, err := nc.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	c.Release()
	if s := b.Stats(); s.Idle+s.Active != 0 {
		t.Errorf("the tunnel was kept: %+v", s)
	}
}

func TestTrailersAreThere(t *testing.T) {
	b := newBackend(t, newFake(t, says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n")).name(), nil)
	c := acquired(t, b)
	var resp wire.Response
	if err := c.SendReceive([]byte(get), false, &resp); err != nil {
		t.Fatal(err)
	}
	if _, err := readBody(c); err != nil || string(c.Trailers()) != "A: b\r\n" {
		t.Errorf("trailers %q %v", c.Trailers(), err)
	}
	c.Release()
	if c = b.Idle(ForRead); c == nil || len(c.Trailers()) != 0 {
		t.Error("the next exchange starts with trailers, or with another connection")
	}
	c.Close()
}

func TestPendingTellsWhetherNextBodyWouldWait(t *testing.T) {
	f := saysWhen{
		parts: []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "5\r\n", "world\r\n0\r\n\r\n"},
		next:  make(chan struct{}, 3),
	}
	b := newBackend(t, newFake(t, f).name(), nil)
	c := acquired(t, b)
	defer c.Close()
	var resp wire.Response
	f.next <- struct{}{}
	if err := c.SendReceive([]byte(get), false, &resp); err != nil {
		t.Fatal(err)
	}
	if p, err := c.NextBody(); string(p) != "hello" || err != nil {
		t.Fatalf("%q %v", p, err)
	}
	if c.Pending() {
		t.Error("pending with half a line at most")
	}
	f.next <- struct{}{}
	f.next <- struct{}{}
	if p, err := c.NextBody(); string(p) != "world" || err != nil {
		t.Fatalf("%q %v", p, err)
	}
	until(t, "the end", func() bool {
		if c.Pending() {
			return true
		}
		_, err := c.NextBody()
		return err == io.EOF
	})
	if _, err := c.NextBody(); err != io.EOF {
		t.Error(err)
	}
}

func TestASlowButSteadyAnswerIsNotCut(t *testing.T) {
	const pauses = 30
	parts := []string{"HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(pauses) + "\r\n\r\n"}
	for range pauses {
		parts = append(parts, "x")
	}
	f := saysWhen{parts: parts, next: make(chan struct{}, 1)}
	b := newBackend(t, newFake(t, f).name(), func(o *Options) { o.StreamTimeout, o.ResponseTimeout = time.Minute, time.Minute })
	c := acquired(t, b)
	defer c.Close()
	f.next <- struct{}{}
	var resp wire.Response
	if err := c.SendReceive([]byte(get), false, &resp); err != nil {
		t.Fatal(err)
	}
	var got atomic.Int64
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			p, err := c.NextBody()
			got.Add(int64(len(p)))
			if err != nil {
				if err != io.EOF || got.Load() != pauses {
					t.Errorf("%v after %d bytes", err, got.Load())
				}
				return
			}
		}
	})
	defer reading.Wait()
	defer c.Abandon()
	for i := range pauses {
		until(t, "the next pause", func() bool { return got.Load() == int64(i) && c.reading.at.Load() > 0 })
		c.reading.at.Add(-int64(40 * time.Second)) // so much of its minute is over, and minutes of all
		c.sweep(clock.Now())
		f.next <- struct{}{}
	}
	reading.Wait()
}

func TestAStreamNeedsOneBuffer(t *testing.T) {
	size := 16 << 20
	for name, f := range map[string]fault{
		"a length":    says("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(size) + "\r\n\r\n" + strings.Repeat("x", size)),
		"chunks":      says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("8000\r\n"+strings.Repeat("x", 32<<10)+"\r\n", size>>15) + "0\r\n\r\n"),
		"until close": saysThenCloses("HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", size)),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, newFake(t, f).name(), nil)
			c := acquired(t, b)
			defer c.Release()
			var resp wire.Response
			if err := c.SendReceive([]byte(get), false, &resp); err != nil {
				t.Fatal(err)
			}
			n, calls := 0, 0
			for {
				p, err := c.NextBody()
				n += len(p)
				calls++
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(c.buf.b) > largeBuffer {
					t.Fatalf("a buffer of %d bytes", len(c.buf.b))
				}
			}
			if n != size {
				t.Errorf("got %d of %d bytes", n, size)
			}
			t.Logf("%d bytes at a time", n/calls)
		})
	}
}

func TestAnAnswerThatCameBeforeItsRequestIsReceived(t *testing.T) {
	// Servers that have no room for a connection say so at once. On a fresh connection the
	// poller may have told of it before anybody waits.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno")
			all.Go(func() {
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			})
		}
	})
	defer func() { _ = ln.Close(); all.Wait() }()
	b := newBackend(t, ln.Addr().String(), nil)
	for range 20 {
		c := acquired(t, b)
		timer := time.NewTimer(time.Millisecond)
		<-timer.C
		var resp wire.Response
		if err := c.SendReceive([]byte(get), false, &resp); err != nil || resp.Status != 503 {
			t.Fatalf("got %d %v", resp.Status, err)
		}
		c.Close()
	}
}
