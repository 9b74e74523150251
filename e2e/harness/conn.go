package harness

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Conn is a client's connection: exact bytes out, strictly parsed answers in. Every read and
// write has Limit to end. Its methods fail the test, except those named Try….
type Conn struct {
	net.Conn
	t  testing.TB
	br *bufio.Reader
}

// Answer is what a client got.
type Answer struct {
	*Head
	Status   int
	Minor    int       // HTTP/1.x
	Interim  []*Answer // the 1xx answers before it, without bodies
	Framing  string    // "length 5", "chunked", "close" or "none"
	Body     string
	Trailers []Field

	framing framing
}

// Closes tells whether the answer announces the connection's end.
func (a *Answer) Closes() bool {
	return strings.EqualFold(a.Get("Connection"), "close") || a.Framing == "close"
}

// Dial connects to addr.
func Dial(t testing.TB, addr string) *Conn {
	t.Helper()
	c, err := TryDial(t, addr)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TryDial connects to addr. The connection is closed when the test ends.
func TryDial(t testing.TB, addr string) (*Conn, error) {
	nc, err := net.DialTimeout("tcp", addr, Limit)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = nc.Close() })
	if c := everywhere(t).client(t, addr); c != nil {
		return overTLS(t, nc, c)
	}
	return newConn(t, nc), nil
}

func newConn(t testing.TB, nc net.Conn) *Conn {
	return &Conn{Conn: nc, t: t, br: bufio.NewReaderSize(nc, 16<<10)}
}

// Close closes the connection (FIN).
func (c *Conn) Close() { _ = c.Conn.Close() }

// Reset closes the connection with a reset.
func (c *Conn) Reset() {
	reset(c.Conn)
}

// CloseWrite sends FIN, with TLS after its own word for that, and goes on reading.
func (c *Conn) CloseWrite() {
	c.t.Helper()
	nc := c.Conn
	if s, ok := nc.(*tls.Conn); ok {
		if err := s.CloseWrite(); err != nil {
			c.t.Fatal(err)
		}
		nc = s.NetConn()
	}
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		c.t.Fatal("not a TCP connection")
	}
	if err := tcp.CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

// Send writes s.
func (c *Conn) Send(s string) {
	c.t.Helper()
	if err := c.TrySend(s); err != nil {
		c.t.Fatalf("cannot send: %v", err)
	}
}

// TrySend writes s.
func (c *Conn) TrySend(s string) error {
	if err := c.SetWriteDeadline(time.Now().Add(Limit)); err != nil {
		return err
	}
	_, err := io.WriteString(c.Conn, s)
	return err
}

// Answer reads an answer to a request with that method, its body too.
func (c *Conn) Answer(method string) *Answer {
	c.t.Helper()
	a, err := c.TryAnswer(method)
	if err != nil {
		c.t.Fatalf("cannot read the answer: %v (got %+v)", err, a)
	}
	return a
}

// TryAnswer is Answer with an error. An answer that broke off comes with what there was of it.
func (c *Conn) TryAnswer(method string) (*Answer, error) {
	a, err := c.TryHead(method)
	if err != nil {
		return a, err
	}
	var body bytes.Buffer
	err = c.TryBody(a, &body)
	a.Body = body.String()
	return a, err
}

// Head reads an answer's head; Body has to follow.
func (c *Conn) Head(method string) *Answer {
	c.t.Helper()
	a, err := c.TryHead(method)
	if err != nil {
		c.t.Fatalf("cannot read the answer's head: %v (got %+v)", err, a)
	}
	return a
}

// TryHead is Head with an error. io.EOF: closed without a byte.
func (c *Conn) TryHead(method string) (*Answer, error) {
	var interim []*Answer
	for {
		a, err := c.oneHead(method)
		if err != nil {
			if len(interim) > 0 {
				err = fmt.Errorf("after %d interim answers: %w", len(interim), unexpected(err))
			}
			return a, err
		}
		a.Interim = interim
		if a.Status >= 200 || a.Status == 101 {
			return a, nil
		}
		interim = append(interim, a)
	}
}

// Interim reads one 1xx answer.
func (c *Conn) Interim() *Answer {
	c.t.Helper()
	a, err := c.oneHead("GET")
	if err != nil {
		c.t.Fatalf("cannot read an interim answer: %v", err)
	}
	if a.Status >= 200 {
		c.t.Fatalf("wanted an interim answer, got %q", a.Raw)
	}
	return a
}

func (c *Conn) oneHead(method string) (*Answer, error) {
	if err := c.SetReadDeadline(time.Now().Add(Limit)); err != nil {
		return nil, err
	}
	h, err := readHead(c.br)
	a := &Answer{Head: h}
	if err != nil {
		return a, err
	}
	version, rest, _ := strings.Cut(h.Start, " ")
	code, _, _ := strings.Cut(rest, " ")
	a.Status, err = strconv.Atoi(code)
	switch {
	case err != nil || len(code) != 3:
		return a, fmt.Errorf("%w: status line %q", ErrMalformed, h.Start)
	case version == "HTTP/1.1":
		a.Minor = 1
	case version != "HTTP/1.0":
		return a, fmt.Errorf("%w: status line %q", ErrMalformed, h.Start)
	}
	return a, a.frame(method)
}

func (a *Answer) frame(method string) error {
	f, present, err := headFraming(a.Head)
	if err != nil {
		return err
	}
	switch {
	case method == "HEAD" || a.Status < 200 || a.Status == 204 || a.Status == 304:
		a.Framing = "none"
		return nil
	case !present:
		f.close = true
	}
	a.framing, a.Framing = f, f.String()
	return nil
}

// TryBody reads the body of an answer whose head was read.
func (c *Conn) TryBody(a *Answer, w io.Writer) error {
	if a.Framing == "none" {
		return nil
	}
	trailers, err := readBody(c.br, a.framing, deadlineWriter{c.Conn, w})
	a.Trailers = trailers
	return err
}

// deadlineWriter gives every piece of a long body its own time.
type deadlineWriter struct {
	conn net.Conn
	w    io.Writer
}

func (d deadlineWriter) Write(p []byte) (int, error) {
	if err := d.conn.SetReadDeadline(time.Now().Add(Limit)); err != nil {
		return 0, err
	}
	return d.w.Write(p)
}

// ReadString reads exactly n bytes.
func (c *Conn) ReadString(n int) string {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(Limit)); err != nil {
		c.t.Fatal(err)
	}
	p := make([]byte, n)
	if got, err := io.ReadFull(c.br, p); err != nil {
		c.t.Fatalf("wanted %d bytes, got %q: %v", n, p[:got], err)
	}
	return string(p)
}

// ReadUntil reads up to and with the first s.
func (c *Conn) ReadUntil(s string) string {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(Limit)); err != nil {
		c.t.Fatal(err)
	}
	var got []byte
	for !bytes.HasSuffix(got, []byte(s)) {
		b, err := c.br.ReadByte()
		if err != nil {
			c.t.Fatalf("wanted %q, got %q: %v", s, got, err)
		}
		got = append(got, b)
	}
	return string(got)
}

// Rest reads what comes until the connection ends; reset tells that it did not end with FIN.
func (c *Conn) Rest() (rest string, reset bool) {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(Limit)); err != nil {
		c.t.Fatal(err)
	}
	data, err := io.ReadAll(c.br)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Fatalf("the connection stays open (after %q)", data)
	}
	return string(data), err != nil
}

// WantClosed fails the test unless the connection ends with nothing more to read.
func (c *Conn) WantClosed() {
	c.t.Helper()
	if rest, _ := c.Rest(); rest != "" {
		c.t.Errorf("wanted the connection's end, got %q", rest)
	}
}

// Buffered is how many bytes have arrived and were not read.
func (c *Conn) Buffered() int { return c.br.Buffered() }

// Do sends a request and reads its answer.
func (c *Conn) Do(method, request string) *Answer {
	c.t.Helper()
	c.Send(request)
	return c.Answer(method)
}

// Once sends one request on a connection of its own and reads the answer. The request's method
// is its first word.
func Once(t testing.TB, addr, request string) *Answer {
	t.Helper()
	c := Dial(t, addr)
	defer c.Close()
	method, _, _ := strings.Cut(request, " ")
	return c.Do(method, request)
}

// TryOnce is Once with an error.
func TryOnce(t testing.TB, addr, request string) (*Answer, error) {
	c, err := TryDial(t, addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.TrySend(request); err != nil {
		return nil, err
	}
	method, _, _ := strings.Cut(request, " ")
	return c.TryAnswer(method)
}

// Request makes a request with Host, the given fields ("Name: value") and, unless body is
// empty, Content-Length.
func Request(method, target, body string, fields ...string) string {
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\nHost: tutti.test\r\n")
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return b.String()
}
