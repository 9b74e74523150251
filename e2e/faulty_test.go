package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// faults are the ways in which a faulty backend treats a single request.
func faults() []func(*faulty, http.ResponseWriter, *http.Request) {
	return []func(*faulty, http.ResponseWriter, *http.Request){
		(*faulty).reset, (*faulty).hangs, (*faulty).slow, (*faulty).fails, (*faulty).cut, (*faulty).garbage,
	}
}

// faulty is a real server (net/http) with random faults: single requests fail, and at times
// nobody listens. It keeps no account of its requests but their number, and so can run for long.
type faulty struct {
	addr  string
	reads atomic.Int64 // read requests that arrived

	dice   *dice
	sick   atomic.Bool // single requests fail
	quit   chan struct{}
	hang   time.Duration
	server *http.Server // while it listens
	done   chan struct{}
}

func newFaulty(t *testing.T, d *dice) *faulty {
	t.Helper()
	b := &faulty{addr: harness.FreeAddr(t), dice: d, quit: make(chan struct{}), hang: time.Second}
	b.listen(t)
	t.Cleanup(func() {
		close(b.quit)
		b.refuse()
	})
	return b
}

func (b *faulty) listen(t *testing.T) {
	t.Helper()
	var ln net.Listener
	harness.Eventually(t, "a faulty backend listens", func() bool {
		var err error
		ln, err = net.Listen("tcp", b.addr)
		return err == nil
	})
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}
	b.done = make(chan struct{})
	go func(s *http.Server, done chan struct{}) {
		defer close(done)
		_ = s.Serve(ln)
	}(b.server, b.done)
}

// refuse closes the listener and all connections, as the end of a process does.
func (b *faulty) refuse() {
	_ = b.server.Close()
	<-b.done
}

// page is what a read of target is answered with, long enough to be cut.
func page(target string) string { return target + fmt.Sprintf("%8000s", target) }

// ServeHTTP implements http.Handler.
func (b *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		b.reads.Add(1)
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	if !b.sick.Load() || b.dice.n(2) == 0 {
		b.answer(w, r)
		return
	}
	all := faults()
	all[b.dice.n(len(all))](b, w, r)
}

func (b *faulty) hangs(w http.ResponseWriter, r *http.Request) {
	b.wait(r, b.hang)
	b.reset(w, r)
}

func (b *faulty) slow(w http.ResponseWriter, r *http.Request) {
	b.wait(r, 30*time.Millisecond)
	b.answer(w, r)
}

func (b *faulty) fails(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "broken", http.StatusInternalServerError)
}

func (b *faulty) wait(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-b.quit:
	}
}

func (b *faulty) answer(w http.ResponseWriter, r *http.Request) {
	body := page(r.URL.RequestURI())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusCreated)
	}
	_, _ = io.WriteString(w, body)
}

func (b *faulty) reset(w http.ResponseWriter, _ *http.Request) {
	raw(w, func(nc net.Conn) {
		if tcp, ok := nc.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	})
}

func (b *faulty) cut(w http.ResponseWriter, r *http.Request) {
	body := page(r.URL.RequestURI())
	part := body[:1+b.dice.n(len(body)-1)]
	raw(w, func(nc net.Conn) {
		_, _ = fmt.Fprintf(nc, "HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s", okStatus(r.Method), len(body), part)
	})
}

func (b *faulty) garbage(w http.ResponseWriter, _ *http.Request) {
	words := []string{
		"garbage\r\n\r\n", "\x00\xff", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nEVIL",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nEVIL",
	}
	raw(w, func(nc net.Conn) { _, _ = io.WriteString(nc, words[b.dice.n(len(words))]) })
}

// raw says and closes what net/http would not.
func raw(w http.ResponseWriter, say func(net.Conn)) {
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	say(nc)
	_ = nc.Close()
}

func okStatus(method string) int {
	if method == http.MethodGet {
		return http.StatusOK
	}
	return http.StatusCreated
}
