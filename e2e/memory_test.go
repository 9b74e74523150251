package e2e

import (
	"io"
	"strconv"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

const (
	gib    = 1 << 30
	block  = 64 << 10
	memory = 100_000_000 // the most the program may ever hold resident while bodies stream
)

func streamSize() int64 {
	if raced {
		return gib / 16
	}
	return gib
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func TestAGigabyteDownStaysOutOfMemory(t *testing.T) {
	size := streamSize()
	piece := strings.Repeat("0123456789abcdef", block/16)
	b := harness.NewBackend(t, func(c *harness.Call) {
		head, before, after := "Content-Length: "+strconv.FormatInt(size, 10)+"\r\n\r\n", "", ""
		if c.Target == "/login?chunked" {
			head, before, after = "Transfer-Encoding: chunked\r\n\r\n", strconv.FormatInt(block, 16)+"\r\n", "\r\n"
		}
		err := c.Write("HTTP/1.1 200 OK\r\n" + head)
		for n := int64(0); n < size && err == nil; n += block {
			err = c.Write(before + piece + after)
		}
		if err == nil && before != "" {
			_ = c.Write("0\r\n\r\n")
		}
	})
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	for _, target := range []string{"/login", "/login?chunked"} {
		c.Send(get(target))
		a := c.Head("GET")
		wantStatus(t, a, 200)
		var got counter
		if err := c.TryBody(a, &got); err != nil || int64(got) != size {
			t.Errorf("%s: got %d of %d bytes: %v", target, got, size, err)
		}
	}
	wantSmall(t, p)
}

func TestAGigabyteUpStaysOutOfMemory(t *testing.T) {
	size := streamSize()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	piece := strings.Repeat("0123456789abcdef", block/16)
	for i, framing := range []string{"Content-Length: " + strconv.FormatInt(size, 10), "Transfer-Encoding: chunked"} {
		send := piece
		if i == 1 {
			send = strconv.FormatInt(block, 16) + "\r\n" + piece + "\r\n"
		}
		c.Send("POST /login HTTP/1.1\r\nHost: a\r\n" + framing + "\r\n\r\n")
		for n := int64(0); n < size; n += block {
			c.Send(send)
		}
		if i == 1 {
			c.Send("0\r\n\r\n")
		}
		wantStatus(t, c.Answer("POST"), 200)
		if got := b.WaitCall(i + 1).Size(); got != size {
			t.Errorf("%s: the backend got %d of %d bytes", framing, got, size)
		}
	}
	wantSmall(t, p)
}

func TestASlowReaderHoldsTheBackendBackAndNotTheMemory(t *testing.T) {
	t.Parallel()
	const size = 256 << 20
	piece := strings.Repeat("x", block)
	b := harness.NewBackend(t, func(c *harness.Call) {
		err := c.Write("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(size) + "\r\n\r\n")
		for n := 0; n < size && err == nil; n += block {
			err = c.Write(piece)
		}
	})
	p := start(t, harness.BackendFlag(b))
	var slow []*harness.Conn
	for range 4 {
		c := harness.Dial(t, p.Listen)
		c.Send(get("/login"))
		wantStatus(t, c.Head("GET"), 200)
		c.ReadString(block)
		slow = append(slow, c)
	}
	// Others are served meanwhile.
	for range 3 {
		c := harness.Dial(t, p.Listen)
		c.Send(get("/login"))
		a := c.Head("GET")
		if err := c.TryBody(a, io.Discard); err != nil {
			t.Error(err)
		}
		c.Close()
	}
	for _, c := range slow {
		c.Close()
	}
	wantSmall(t, p)
}

func wantSmall(t *testing.T, p *harness.Process) {
	t.Helper()
	peak := p.PeakRSS()
	t.Logf("peak resident memory %d MB", peak/1_000_000)
	if !raced && peak >= memory {
		t.Errorf("peak resident memory %d MB", peak/1_000_000)
	}
}
