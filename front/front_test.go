package front

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tutti/secure"
	"tutti/secure/securetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that should be at once.
const patience = 10 * time.Second

// handle is a Handler made of a function; it notes refusals.
type handle struct {
	serve func(x *Exchange)

	mu      sync.Mutex
	refused []int
}

func (h *handle) Serve(x *Exchange) { h.serve(x) }

func (h *handle) Refuse(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused = append(h.refused, status)
}

func (h *handle) refusals() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprint(h.refused)
}

// reply leaves an answer with this body in Out.
func reply(x *Exchange, body string) {
	x.Status = 200
	x.Out = append(x.Out, "HTTP/1.1 200 OK\r\nContent-Length: "...)
	x.Out = strconv.AppendInt(x.Out, int64(len(body)), 10)
	if !x.KeepAlive() {
		x.Out = append(x.Out, "\r\nConnection: close"...)
	}
	x.Out = append(x.Out, "\r\n\r\n"...)
	x.Out = append(x.Out, body...)
}

// echo answers "METHOD path body trailers", whatever way the body comes.
func echo(x *Exchange) {
	body, ok := x.Body()
	if !ok {
		_ = x.Continue()
		var err error
		if body, err = readAll(x, 1000); err != nil {
			x.CloseAfter()
			if errors.Is(err, ErrClientLeft) {
				x.Abort()
				return
			}
			reply(x, "error: "+err.Error())
			return
		}
	}
	reply(x, fmt.Sprintf("%s %s %s %s", x.Req.Method, x.Req.Path, body, bytes.TrimSpace(x.Trailers())))
}

func readAll(x *Exchange, piece int) ([]byte, error) {
	var all []byte
	p := make([]byte, piece)
	for {
		n, err := x.ReadBody(p)
		all = append(all, p[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

type fixture struct {
	*Server
	h    *handle
	addr string
	log  *lockedBuffer

	client *tls.Config // nil: plain
}

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

// start serves f on a loopback port until the test ends; over TLS with TUTTI_TLS set, so that
// every test can be run over it.
func start(t testing.TB, f func(x *Exchange), change ...func(o *Options)) *fixture {
	t.Helper()
	return startWith(t, f, func(*Server) {}, change...)
}

// startWith is start of a server that prepare changes first.
func startWith(t testing.TB, f func(x *Exchange), prepare func(s *Server), change ...func(o *Options)) *fixture {
	t.Helper()
	h := &handle{serve: f}
	log := &lockedBuffer{}
	o := Options{
		Handler: h, MaxHeader: 16 << 10, ClientTimeout: patience, IdleTimeout: patience,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	var client *tls.Config
	if os.Getenv("TUTTI_TLS") != "" {
		client = speakTLS(t, &o)
	}
	for _, c := range change {
		c(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	prepare(s)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-served; err != nil && !errors.Is(err, errStopped) {
			t.Errorf("Serve: %v", err)
		}
	})
	return &fixture{Server: s, h: h, addr: ln.Addr().String(), log: log, client: client}
}

// speakTLS makes the server speak TLS and returns how a client does.
func speakTLS(t testing.TB, o *Options) *tls.Config {
	t.Helper()
	a := securetest.New(t)
	o.TLS = a.Issue("front.test").Server()
	return secure.ClientConfig("front.test", a.Roots())
}

// plainOnly skips a test of what is only so without TLS, or that dials by itself.
func plainOnly(t testing.TB) {
	t.Helper()
	if os.Getenv("TUTTI_TLS") != "" {
		t.Skip("without TLS only")
	}
}

// client is a raw connection to the server.
type client struct {
	t testing.TB
	net.Conn
	tcp *net.TCPConn // underneath, or the same
	in  *bufio.Reader
}

// CloseWrite says that nothing more is sent: with TLS, in both layers.
func (c *client) CloseWrite() error {
	if s, ok := c.Conn.(*secure.Conn); ok {
		if err := s.CloseWrite(); err != nil {
			return err
		}
	}
	return c.tcp.CloseWrite()
}

// cut closes the connection hard.
func (c *client) cut() {
	_ = c.tcp.SetLinger(0)
	_ = c.tcp.Close()
}

func (f *fixture) dial(t testing.TB) *client {
	t.Helper()
	nc, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	c := &client{t: t, Conn: nc, tcp: nc.(*net.TCPConn)}
	if f.client != nil {
		s := secure.Client(nc, f.client)
		if err := s.Handshake(); err != nil {
			t.Fatal(err)
		}
		c.Conn = s
	}
	c.in = bufio.NewReader(c.Conn)
	return c
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, s); err != nil {
		c.t.Fatalf("sending %.40q: %v", s, err)
	}
}

// answer reads one answer with a Content-Length.
func (c *client) answer() (status int, head, body string) {
	c.t.Helper()
	var b strings.Builder
	length := 0
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			c.t.Fatalf("reading an answer's head after %q: %v", b.String()+line, err)
		}
		if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			length, _ = strconv.Atoi(strings.TrimSpace(v))
		}
		b.WriteString(line)
		if line == "\r\n" {
			break
		}
	}
	head = b.String()
	if _, err := fmt.Sscanf(head, "HTTP/1.1 %d", &status); err != nil {
		c.t.Fatalf("bad head %q", head)
	}
	if status < 200 {
		return status, head, ""
	}
	p := make([]byte, length)
	if _, err := io.ReadFull(c.in, p); err != nil {
		c.t.Fatalf("reading an answer's body: %v", err)
	}
	return status, head, string(p)
}

// expect reads an answer and compares its status and body.
func (c *client) expect(status int, body string) {
	c.t.Helper()
	s, head, b := c.answer()
	if s != status || b != body {
		c.t.Fatalf("got %d %q, want %d %q; head %q", s, b, status, body, head)
	}
}

// expectRefusal reads a problem and then the end.
func (c *client) expectRefusal(status int) {
	c.t.Helper()
	s, head, body := c.answer()
	if s != status || !strings.Contains(head, "application/problem+json") || !strings.Contains(head, "Connection: close") {
		c.t.Fatalf("got %d %q %q, want a problem of %d", s, head, body, status)
	}
	c.expectEnd()
}

// expectEnd wants the connection closed with nothing more on it.
func (c *client) expectEnd() {
	c.t.Helper()
	rest, err := io.ReadAll(c.in)
	if err != nil || len(rest) > 0 {
		c.t.Fatalf("wanted the end, got %q, %v", rest, err)
	}
}

// eventually polls.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// any tells whether a connection is in p, in either direction.
func (s *Server) any(p phase) bool {
	s.set.mu.Lock()
	defer s.set.mu.Unlock()
	return slices.ContainsFunc(s.set.conns, func(c *conn) bool {
		return c.phase.load().phase() == p || c.rx.load().phase() == p || c.tx.load().phase() == p
	})
}

// conns are the open connections.
func (s *Server) conns() []*conn {
	s.set.mu.Lock()
	defer s.set.mu.Unlock()
	return slices.Clone(s.set.conns)
}
