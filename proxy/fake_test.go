package proxy

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tutti/backend"
	"tutti/front"
	"tutti/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// fake is a backend that does on each connection what its script says.
type fake struct {
	ln    net.Listener
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[net.Conn]bool
}

type script func(c net.Conn, r *bufio.Reader)

func newFake(t testing.TB, s script) *fake {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{ln: ln, conns: map[net.Conn]bool{}}
	f.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns[c] = true
			f.mu.Unlock()
			f.wg.Go(func() {
				defer func() {
					_ = c.Close()
					f.mu.Lock()
					delete(f.conns, c)
					f.mu.Unlock()
				}()
				s(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(f.stop)
	return f
}

func (f *fake) stop() {
	_ = f.ln.Close()
	f.mu.Lock()
	for c := range f.conns {
		_ = c.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

func (f *fake) addr() string { return f.ln.Addr().String() }

// readHead reads one head as raw bytes.
func readHead(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for !strings.HasSuffix(b.String(), "\r\n\r\n") {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			return b.String(), err
		}
	}
	return b.String(), nil
}

// readBody reads as many bytes as the head's Content-Length says.
func readBody(r *bufio.Reader, head string) []byte {
	_, after, ok := strings.Cut(strings.ToLower(head), "content-length: ")
	if !ok {
		return nil
	}
	n, _ := strconv.Atoi(after[:strings.IndexByte(after, '\r')])
	body := make([]byte, n)
	_, _ = io.ReadFull(r, body)
	return body
}

// answers is a script that gives every request, once read, the same answer.
func answers(answer string, got func(head string, body []byte)) script {
	return func(c net.Conn, r *bufio.Reader) {
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			body := readBody(r, head)
			if got != nil {
				got(head, body)
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

func ok(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// handler lets a test look at what the Balancer left behind.
type handler struct{ *Balancer }

func (handler) Refuse(int) {}

// balance starts a front with a Balancer over the fakes and returns its address.
func balance(t testing.TB, change func(*backend.Options, *Options), fakes ...*fake) string {
	t.Helper()
	bo := backend.Options{
		DialTimeout: patience, ResponseTimeout: patience, StreamTimeout: patience, IdleTimeout: patience,
		QueueTimeout: time.Second, MaxConns: 16, EjectAfter: 3, EjectFor: patience, MaxHeader: 16 << 10,
	}
	po := Options{Tries: 2, QueueTimeout: time.Second, StreamTimeout: patience, Pseudonym: "tutti-00000000"}
	if change != nil {
		change(&bo, &po)
	}
	names := make([]string, 0, len(fakes))
	for _, f := range fakes {
		names = append(names, f.addr())
	}
	set := metrics.New(names)
	var bs []*backend.Backend
	for i, name := range names {
		b, err := backend.New(name, i, bo, set.Backend(i))
		if err != nil {
			t.Fatal(err)
		}
		bs = append(bs, b)
	}
	po.Group = backend.NewGroup(bs)
	p, err := New(po)
	if err != nil {
		t.Fatal(err)
	}
	s, err := front.New(front.Options{
		Handler: handler{p}, MaxHeader: 16 << 10, ClientTimeout: patience, IdleTimeout: patience, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = s.Drain(ctx)
		_ = s.Close()
		<-served
		po.Group.Close()
	})
	return ln.Addr().String()
}

// dial connects as a client that waits at most patience.
func dial(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c, bufio.NewReader(c)
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func head(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	h, err := readHead(r)
	if err != nil {
		t.Fatalf("%v after %q", err, h)
	}
	return h
}

// talk sends one request on a connection of its own and returns all that comes until the end.
func talk(t *testing.T, addr, request string) string {
	t.Helper()
	c, r := dial(t, addr)
	send(t, c, request)
	var all bytes.Buffer
	_, _ = io.Copy(&all, r)
	return all.String()
}

// until polls until what is waited for holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
