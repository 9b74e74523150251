package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tutti/backend"
)

func TestReadsTakeTurns(t *testing.T) {
	var hits [3]atomic.Int64
	var fakes []*fake
	for i := range hits {
		fakes = append(fakes, newFake(t, answers(ok("x"), func(string, []byte) { hits[i].Add(1) })))
	}
	addr := balance(t, nil, fakes...)
	c, r := dial(t, addr)
	for range 30 {
		send(t, c, "GET /login HTTP/1.1\r\nHost: a\r\n\r\n")
		readBody(r, head(t, r))
	}
	for i := range hits {
		if n := hits[i].Load(); n != 10 {
			t.Errorf("backend %d had %d of 30", i, n)
		}
	}
}

// What is removed, replaced and added is a short list; everything else is passed byte for byte.
func TestTheBackendGetsWhatTheClientSent(t *testing.T) {
	got := make(chan string, 1)
	addr := balance(t, nil, newFake(t, answers(ok("x"), func(head string, _ []byte) { got <- head })))
	c, r := dial(t, addr)
	send(t, c, "GET //a/%2e%2E/b%2Fc?q=%zz&#"[:len("GET //a/%2e%2E/b%2Fc?q=%zz&#")-1]+" HTTP/1.1\r\n"+
		"hOsT: example.test\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nTE: trailers, gzip\r\n"+
		"Proxy-Authorization: b\r\nX-Forwarded-For: 6.6.6.6\r\nx_forwarded_for: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n"+
		"eTaG-Like:   spaced  \r\nX-Request-Id: abc.DEF-1_2\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n")
	head(t, r)
	h := <-got
	for _, want := range []string{
		"GET //a/%2e%2E/b%2Fc?q=%zz& HTTP/1.1\r\n", "\r\nhOsT: example.test\r\n", "\r\neTaG-Like:   spaced  \r\n",
		"\r\nCookie: a=b\r\nCookie: c=d\r\n", "\r\nX-Request-Id: abc.DEF-1_2\r\n", "\r\nVia: 1.1 tutti-00000000\r\n",
		"\r\nX-Forwarded-For: 127.0.0.1\r\n", "\r\nX-Forwarded-Proto: http\r\n", "\r\nX-Forwarded-Host: example.test\r\n",
	} {
		if !strings.Contains(h, want) {
			t.Errorf("no %q in %q", want, h)
		}
	}
	for _, not := range []string{"6.6.6.6", "X-Secret", "Keep-Alive", "gzip", "Proxy-", "User-Agent", "Content-"} {
		if strings.Contains(h, not) {
			t.Errorf("%q in %q", not, h)
		}
	}
}

func TestASafeRequestIsTriedOnTheNextBackendAndAnUnsafeOneIsNot(t *testing.T) {
	var cut, whole atomic.Int64
	cutter := newFake(t, func(_ net.Conn, r *bufio.Reader) {
		if h, err := readHead(r); err == nil {
			readBody(r, h)
			cut.Add(1)
		}
	})
	server := newFake(t, answers(ok("x"), func(string, []byte) { whole.Add(1) }))
	addr := balance(t, func(o *backend.Options, _ *Options) { o.EjectAfter = 1000 }, cutter, server)
	for range 4 {
		got := talk(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("got %q", got)
		}
	}
	if cut.Load() == 0 {
		t.Error("the cutting backend was never tried")
	}
	cut.Store(0)
	whole.Store(0)
	for range 4 {
		got := talk(t, addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nb")
		if !strings.HasPrefix(got, "HTTP/1.1 200") && !strings.HasPrefix(got, "HTTP/1.1 502") {
			t.Errorf("got %q", got)
		}
	}
	if cut.Load() != 2 || whole.Load() != 2 {
		t.Errorf("4 unsafe requests went %d times to the cutting backend and %d times to the other, want 2 and 2", cut.Load(), whole.Load())
	}
}

func TestAnUnsafeRequestThatWasNotSentIsTriedOnTheNextBackend(t *testing.T) {
	dead := newFake(t, nil)
	dead.stop()
	addr := balance(t, func(o *backend.Options, _ *Options) { o.EjectAfter = 1000 }, dead, newFake(t, answers(ok("x"), nil)))
	for range 4 {
		got := talk(t, addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nb")
		if !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("got %q", got)
		}
	}
}

func TestAStaleConnectionCostsTheClientNothing(t *testing.T) {
	closed := make(chan bool, 100)
	closer := newFake(t, func(c net.Conn, r *bufio.Reader) { // keeps alive by its word, closes by its deed
		if _, err := readHead(r); err == nil {
			_, _ = io.WriteString(c, ok("x"))
		}
		_ = c.Close()
		closed <- true
	})
	addr := balance(t, nil, closer)
	c, r := dial(t, addr)
	for range 20 {
		for _, method := range []string{"GET", "POST"} {
			send(t, c, method+" / HTTP/1.1\r\nHost: a\r\n\r\n")
			if h := head(t, r); !strings.HasPrefix(h, "HTTP/1.1 200") {
				t.Fatalf("%s: %q", method, h)
			}
			readBody(r, "content-length: 1\r\n")
			<-closed // or a POST can be on its way when the connection closes
		}
	}
}

func TestAnswersKeepTheirFraming(t *testing.T) {
	f := func(name, request, answer, want string) {
		t.Helper()
		addr := balance(t, nil, newFake(t, func(c net.Conn, r *bufio.Reader) {
			if _, err := readHead(r); err == nil {
				_, _ = io.WriteString(c, answer)
			}
		}))
		got := talk(t, addr, request)
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	const get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	const date = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
	f("length", get, "HTTP/1.1 200 Fine\r\n"+date+"ETag: x\r\nContent-Length: 2\r\n\r\nhi",
		"HTTP/1.1 200 Fine\r\n"+date+"ETag: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
	f("head", "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n"+date+"Content-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\n"+date+"Content-Length: 2\r\nConnection: close\r\n\r\n")
	f("304", get, "HTTP/1.1 304 Not Modified\r\n"+date+"Content-Length: 2\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\n"+date+"Content-Length: 2\r\nConnection: close\r\n\r\n")
	f("204", get, "HTTP/1.1 204 No Content\r\n"+date+"\r\n", "HTTP/1.1 204 No Content\r\n"+date+"Connection: close\r\n\r\n")
	f("chunks lose their extensions", get, "HTTP/1.1 200 OK\r\n"+date+"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n"+date+"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
	f("trailers pass", get, "HTTP/1.1 200 OK\r\n"+date+"Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\n"+date+"Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n")
	f("until close becomes chunks", get, "HTTP/1.1 200 OK\r\n"+date+"\r\nhi",
		"HTTP/1.1 200 OK\r\n"+date+"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
	f("chunks to HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n"+date+"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n"+date+"Connection: close\r\n\r\nhi")
	f("hop-by-hop fields stay", get, "HTTP/1.1 200 OK\r\n"+date+"Connection: X-Hop\r\nX-Hop: 1\r\nProxy-Authenticate: x\r\nKeep-Alive: 3\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n"+date+"Content-Length: 0\r\nConnection: close\r\n\r\n")
}

func TestAnAnswerCutShortStaysVisiblyCutShort(t *testing.T) {
	f := func(answer string) {
		t.Helper()
		addr := balance(t, nil, newFake(t, func(c net.Conn, r *bufio.Reader) {
			if _, err := readHead(r); err == nil {
				_, _ = io.WriteString(c, answer)
			}
		}))
		got := talk(t, addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if strings.Count(got, "HTTP/1.1") > 1 || strings.Contains(got, "0\r\n\r\n") {
			t.Errorf("%q became %q", answer, got)
		}
		if strings.HasPrefix(got, "HTTP/1.1 200") && strings.Contains(got, "problem") {
			t.Errorf("%q became %q", answer, got)
		}
	}
	f("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi")
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
}

func TestEventsArriveAsTheyAreSent(t *testing.T) {
	next := make(chan bool)
	addr := balance(t, nil, newFake(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range next {
			_, _ = io.WriteString(c, "6\r\nevent\n\r\n")
		}
	}))
	defer close(next)
	c, r := dial(t, addr)
	send(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	head(t, r)
	for range 3 {
		next <- true
		var event [11]byte
		if _, err := io.ReadFull(r, event[:]); err != nil || string(event[:]) != "6\r\nevent\n\r\n" {
			t.Fatalf("%q, %v", event, err)
		}
	}
}

func TestInterimAnswersPass(t *testing.T) {
	addr := balance(t, nil, newFake(t, answers("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"+ok("x"), nil)))
	c, r := dial(t, addr)
	send(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if h := head(t, r); h != "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" {
		t.Errorf("got %q", h)
	}
	if h := head(t, r); !strings.HasPrefix(h, "HTTP/1.1 200 OK\r\n") {
		t.Errorf("got %q", h)
	}
	if got := talk(t, addr, "GET / HTTP/1.0\r\nHost: a\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
		t.Errorf("HTTP/1.0 got %q", got)
	}
}

func TestAClientThatLeavesAbandonsTheExchange(t *testing.T) {
	asked, left := make(chan bool), make(chan bool)
	addr := balance(t, nil, newFake(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return
		}
		close(asked)
		_, _ = r.ReadByte() // ends when Tutti closes
		close(left)
	}))
	c, _ := dial(t, addr)
	send(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-asked
	_ = c.Close()
	select {
	case <-left:
	case <-time.After(patience):
		t.Error("the backend is still being waited for")
	}
}

func TestARequestWaitsForAConnectionOnce(t *testing.T) {
	const requests = 2
	hang := func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }
	var o *Options
	addr := balance(t, func(bo *backend.Options, po *Options) {
		bo.MaxConns, po.QueueTimeout, po.Tries = 1, 200*time.Millisecond, 3
		o = po
	}, newFake(t, hang), newFake(t, hang), newFake(t, hang))
	all := o.Group.All()
	for range all {
		c, _ := dial(t, addr)
		send(t, c, "GET /login HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	for _, b := range all {
		until(t, "all connections are in use", func() bool { return b.Stats().Active == 1 })
	}
	stop := make(chan struct{})
	var watching sync.WaitGroup
	waits := make(map[*backend.Backend]int) // how often somebody was seen to begin to wait
	watching.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		was := make(map[*backend.Backend]int)
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			for _, b := range all {
				now := b.Stats().Waiting
				waits[b] += max(0, now-was[b])
				was[b] = now
			}
		}
	})
	for _, request := range []string{
		"GET /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"POST /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n",
	} {
		if got := talk(t, addr, request); !strings.Contains(got, " 503 ") || !strings.Contains(got, "connection_limit_reached") {
			t.Errorf("got %q", got)
		}
	}
	close(stop)
	watching.Wait()
	seen := 0
	for _, n := range waits {
		seen += n
	}
	if seen > requests {
		t.Errorf("%d requests waited %d times", requests, seen)
	}
}
