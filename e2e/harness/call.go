package harness

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// maxKept is how much of a body a Call keeps.
const maxKept = 256 << 10

// Call is one request a Backend received. A Script runs on its connection's goroutine.
type Call struct {
	*Head
	Method, Target, Proto string
	At                    time.Time // when its head was complete
	Conn                  int       // the number of its connection, from 1
	Framing               string    // "length 5", "chunked", "none"

	backend *Backend
	wire    *wire
	framing framing
	over    bool // the script ended the connection

	mu       sync.Mutex
	body     bytes.Buffer
	size     int64
	trailers []Field
	read     bool
	whole    bool
	err      error
	answered time.Time
}

func newCall(b *Backend, w *wire, h *Head) (*Call, error) {
	c := &Call{Head: h, At: time.Now(), Conn: w.number, backend: b, wire: w}
	parts := strings.Split(h.Start, " ")
	if len(parts) != 3 {
		return c, fmt.Errorf("%w: request line %q", ErrMalformed, h.Start)
	}
	c.Method, c.Target, c.Proto = parts[0], parts[1], parts[2]
	if c.Proto != "HTTP/1.1" {
		return c, fmt.Errorf("%w: request line %q", ErrMalformed, h.Start)
	}
	f, present, err := headFraming(h)
	if err != nil {
		return c, err
	}
	c.framing, c.Framing = f, f.String()
	if !present {
		c.Framing = "none"
	}
	return c, nil
}

// Backend is who received it.
func (c *Call) Backend() *Backend { return c.backend }

// ReadBody reads the body to its end, once; an error tells that it was cut short or malformed.
func (c *Call) ReadBody() error {
	c.mu.Lock()
	read, err := c.read, c.err
	c.read = true
	c.mu.Unlock()
	if read {
		return err
	}
	trailers, err := readBody(c.wire.br, c.framing, keeper{c})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trailers, c.err = trailers, err
	c.whole = err == nil
	return err
}

type keeper struct{ c *Call }

func (k keeper) Write(p []byte) (int, error) {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	k.c.size += int64(len(p))
	k.c.body.Write(p[:min(len(p), maxKept-k.c.body.Len())])
	return len(p), nil
}

// Body is what has been received of the body, its first 256 KiB.
func (c *Call) Body() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.body.String()
}

// Size is how many bytes of the body have been received.
func (c *Call) Size() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

// Trailers are the fields after a chunked body.
func (c *Call) Trailers() []Field {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trailers
}

// Whole tells whether the request arrived to its last byte.
func (c *Call) Whole() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.whole
}

// Answered is when the script began to write its answer; zero if it has not.
func (c *Call) Answered() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answered
}

// Write sends s as it is. An error means that Tutti has closed the connection.
func (c *Call) Write(s string) error {
	c.mu.Lock()
	if c.answered.IsZero() {
		c.answered = time.Now()
	}
	c.mu.Unlock()
	_, err := io.WriteString(c.wire.conn, s)
	return err
}

// Close ends the connection after the script.
func (c *Call) Close() { c.over = true }

// Reset ends the connection now, with a reset.
func (c *Call) Reset() {
	c.over = true
	reset(c.wire.conn)
}

// WaitGone waits until Tutti closes the connection or the backend stops.
func (c *Call) WaitGone() {
	c.over = true
	_, _ = io.Copy(io.Discard, c.wire.br)
}

// Quit is closed when the backend stops.
func (c *Call) Quit() <-chan struct{} { return c.backend.quitting() }

// ReadRaw reads n bytes from the connection, for what is not HTTP any more.
func (c *Call) ReadRaw(n int) (string, error) {
	p := make([]byte, n)
	got, err := io.ReadFull(c.wire.br, p)
	return string(p[:got]), err
}
