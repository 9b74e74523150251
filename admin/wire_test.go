package admin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
)

// lockedBuffer is a log that is written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestWhatIsTooLargeIsRefused(t *testing.T) {
	f := start(t, setup{})
	post := "POST /-/backends/a:1/drain HTTP/1.1\r\nHost: localhost\r\nTutti-Admin: 1\r\n"
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"a body that fits", post + "Content-Length: 65536\r\n\r\n" + strings.Repeat("x", 65536), 200},
		{"a body by its length", post + "Content-Length: 65537\r\n\r\n", 413},
		{"a body by its length, waiting", post + "Expect: 100-continue\r\nContent-Length: 65537\r\n\r\n", 413},
		{"a chunked body", post + "Transfer-Encoding: chunked\r\n\r\n10001\r\n" + strings.Repeat("x", 65537) + "\r\n0\r\n\r\n", 413},
		{"a header that fits", "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 15<<10) + "\r\n\r\n", 200},
		{"a header", "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", 431},
		{"a target", "GET /" + strings.Repeat("x", 17<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 431},
	} {
		before := f.done()
		got := f.raw("POST", c.request)
		if got.StatusCode != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, got.StatusCode, c.status, got.text)
		}
		checkAnswer(t, "POST", got)
		if c.status >= 400 && (!got.Close || f.done() != before) {
			t.Errorf("%s: refused, then closed %v, changes %d", c.name, got.Close, f.done()-before)
		}
	}
}

func TestWhatIsMalformedIsRefused(t *testing.T) {
	var log lockedBuffer
	f := start(t, setup{log: &log})
	for _, request := range []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", // TLS
		"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\nno colon SECRET\x1b[31m\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET / HTTP/1.1\r\n\r\n",
	} {
		got := f.raw("GET", request)
		if got.StatusCode != 400 {
			t.Errorf("%q: %d", request, got.StatusCode)
		}
		checkAnswer(t, "GET", got)
	}
	if strings.Contains(log.String(), "\x1b") || strings.Contains(log.String(), "SECRET") {
		t.Errorf("the log has a client's bytes: %s", log.String())
	}
}

// Whatever a proxy in front takes for a body must not be served as a request.
func TestABodyIsNeverTheNextRequest(t *testing.T) {
	f := start(t, setup{})
	inner := "POST /-/backends/a:1/drain HTTP/1.1\r\nHost: localhost\r\nTutti-Admin: 1\r\n\r\n"
	length := strconv.Itoa(len(inner))
	for _, head := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + "\r\n\r\n",
		"HEAD / HTTP/1.1\r\nHost: localhost\r\ncontent-length: 0" + length + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: identity\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + "\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		c := f.dial()
		if _, err := io.WriteString(c, head+inner); err != nil {
			t.Fatal(err)
		}
		all, _ := io.ReadAll(c) // to its end, which may be a reset: bytes were left unread
		if n := strings.Count(string(all), "HTTP/1.1 "); n > 1 {
			t.Errorf("%q: %d answers", head, n)
		}
		_ = c.Close()
	}
	if n := f.done(); n != 0 {
		t.Errorf("%d changes were smuggled in", n)
	}
}

func TestSlowClientsAreCut(t *testing.T) {
	const soon = 400 * time.Millisecond // also for a busy machine to send what it has to
	f := start(t, setup{tune: func(s *Server) {
		s.http.ReadTimeout, s.http.WriteTimeout, s.http.IdleTimeout = soon, soon, soon
		s.resources["/large"] = &resource{get: func(ctx *fasthttp.RequestCtx, _ string) {
			reply(ctx, 200, textPlain, make([]byte, 16<<20))
		}}
	}})
	for name, sent := range map[string]string{
		"silent":          "",
		"half a head":     "GET / HTTP/1.1\r\nHost: local",
		"bare line feeds": "GET / HTTP/1.1\nHost: localhost\n\n", // fasthttp waits for a CRLF: row 13
		"half a body":     "POST /-/backends/a:1/drain HTTP/1.1\r\nHost: localhost\r\nTutti-Admin: 1\r\nContent-Length: 9\r\n\r\nx",
		"idle":            "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"takes nothing":   "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		c := f.dial()
		if _, err := io.WriteString(c, sent); err != nil {
			t.Fatal(err)
		}
		if name == "idle" {
			readAnswer(t, bufio.NewReader(c), "GET")
		}
		eventually(t, name+" is cut", func() bool { return f.open() == 0 })
		_ = c.Close()
	}
	if n := f.done(); n != 0 {
		t.Errorf("%d changes", n)
	}
}

// open is how many connections there are.
func (f *fixture) open() int {
	f.mu.Lock()
	ln := f.ln
	f.mu.Unlock()
	if ln == nil {
		return -1
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return len(ln.conns)
}

func TestConnectionsAboveTheLimitWait(t *testing.T) {
	f := start(t, setup{})
	f.do("GET", "/") // it serves
	var all []net.Conn
	for range maxConns {
		all = append(all, f.dial())
	}
	eventually(t, "the limit is reached", func() bool { return f.open() == maxConns })
	late := f.dial()
	if _, err := io.WriteString(late, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = late.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := late.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("above the limit it is answered: %v", err)
	}
	_ = late.SetReadDeadline(time.Now().Add(10 * time.Second))
	_ = all[0].Close()
	if got := readAnswer(t, bufio.NewReader(late), "GET"); got.StatusCode != 200 {
		t.Errorf("then %d", got.StatusCode)
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// scripted is a listener that fails as told and then has no more.
type scripted struct {
	errs []error
}

func (s *scripted) Accept() (net.Conn, error) {
	if len(s.errs) == 0 {
		a, _ := net.Pipe()
		return a, nil
	}
	err := s.errs[0]
	s.errs = s.errs[1:]
	return nil, &net.OpError{Op: "accept", Err: err}
}
func (s *scripted) Close() error   { return nil }
func (s *scripted) Addr() net.Addr { return nil }

func TestALackOfDescriptorsPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newListener(&scripted{errs: []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.EMFILE}}, 1)
		began := time.Now()
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited != (5+10+20+40)*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		_ = c.Close()
		_ = c.Close() // does not give its place back twice
		if len(ln.slots) != 0 {
			t.Error("its place is still taken")
		}
		ln.Listener.(*scripted).errs = []error{syscall.EINVAL}
		if _, err := ln.Accept(); !errors.Is(err, syscall.EINVAL) || len(ln.slots) != 0 {
			t.Errorf("what does not pass is returned: %v", err)
		}
	})
}

func TestClosingEndsAnAcceptThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := func(what string, limit int, errs ...error) {
			t.Helper()
			ln := newListener(&scripted{errs: errs}, limit)
			ended := make(chan error)
			go func() {
				_, err := ln.Accept()
				ended <- err
			}()
			synctest.Wait()
			_ = ln.Close()
			_ = ln.Close()
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", what, err)
			}
			ln.wait()
		}
		f("for a place", 0)
		f("for descriptors", 1, syscall.EMFILE)
	})
}

func TestShutdownClosesIdleConnectionsAtOnce(t *testing.T) {
	f := start(t, setup{})
	fresh, used := f.dial(), f.dial()
	if _, err := io.WriteString(used, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(used)
	readAnswer(t, r, "GET")
	eventually(t, "both are open", func() bool { return f.open() == 2 })
	began := time.Now()
	if err := f.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, c := range []net.Conn{fresh, used} {
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
			t.Errorf("not closed: %d, %v", n, err)
		}
	}
	if err := f.Shutdown(t.Context()); err != nil { // again is harmless
		t.Error(err)
	}
}

func TestShutdownEndsAProfileAndItIsAnswered(t *testing.T) {
	f := start(t, setup{})
	for i, target := range []string{"/debug/pprof/profile?seconds=120", "/debug/pprof/trace?seconds=30"} {
		c := f.dial()
		if _, err := io.WriteString(c, "GET "+target+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is being made", func() bool {
			var stacks bytes.Buffer
			_ = pprof.Lookup("goroutine").WriteTo(&stacks, 2)
			return strings.Count(stacks.String(), "admin.(*Server).pause(") == i+1
		})
		if got := f.do("GET", target); got.StatusCode != 409 {
			t.Errorf("a second one: %d", got.StatusCode)
		}
		defer func() {
			got := readAnswer(t, bufio.NewReader(c), "GET")
			if got.StatusCode != 200 || len(got.text) == 0 || !got.Close {
				t.Errorf("%s: %d, %d bytes", target, got.StatusCode, len(got.text))
			}
		}()
	}
	began := time.Now()
	if err := f.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestShutdownCutsWhatLasts(t *testing.T) {
	f := start(t, setup{})
	c := f.dial()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: l"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is open", func() bool { return f.open() == 1 })
	eventually(t, "its bytes are read", func() bool {
		f.ln.mu.Lock()
		defer f.ln.mu.Unlock()
		for c := range f.ln.conns {
			return c.used.Load()
		}
		return false
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := f.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if f.open() != 0 {
		t.Error("it is still open")
	}
}

func TestAServerServesOnce(t *testing.T) {
	f := start(t, setup{})
	f.do("GET", "/")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Serve(ln); !errors.Is(err, errServedTwice) {
		t.Errorf("got %v", err)
	}
}

func TestShutdownBeforeServe(t *testing.T) {
	f := start(t, setup{})
	s, err := New(f.o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(ln); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("its listener is not closed: %v", err)
	}
}

func TestOptionsThatLackSomethingAreRefused(t *testing.T) {
	whole := start(t, setup{}).o
	for name, without := range map[string]func(*Options){
		"Writes": func(o *Options) { o.Writes = nil }, "Backends": func(o *Options) { o.Backends = nil },
		"Metrics": func(o *Options) { o.Metrics = nil }, "Front": func(o *Options) { o.Front = nil },
	} {
		o := whole
		without(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	whole.Log, whole.Stopping = nil, nil
	if _, err := New(whole); err != nil {
		t.Error(err)
	}
}

func TestClientsCannotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		l := &throttledLog{log: slog.New(slog.NewTextHandler(&out, nil))}
		for range 1000 {
			l.Printf("error when serving connection %q: %s", "peer", "\x1b[2J\n"+strings.Repeat("é", 500))
		}
		if n := strings.Count(out.String(), "\n"); n != 1 {
			t.Errorf("%d lines", n)
		}
		time.Sleep(logEvery)
		l.Printf("again")
		lines := strings.Split(out.String(), "\n")
		if len(lines) != 3 || !strings.Contains(lines[1], "unsaid=999") || strings.ContainsAny(out.String(), "\x1bé") || len(lines[0]) > 400 {
			t.Errorf("got %q", lines)
		}
	})
}

func TestATraceThatGrowsLargeEnds(t *testing.T) {
	b := &traceBuffer{limit: 100, full: make(chan struct{})}
	for range 5 {
		_, _ = b.Write(make([]byte, 25))
	}
	select {
	case <-b.full:
	default:
		t.Error("nobody is told")
	}
	if b.Len() != 125 {
		t.Error("what was written is not whole")
	}
}
