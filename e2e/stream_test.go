package e2e

import (
	"fmt"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

func TestEventsAreFlushedAsTheyCome(t *testing.T) {
	t.Parallel()
	heads := map[string]string{
		"chunked": "Transfer-Encoding: chunked\r\n",
		"close":   "",
		"length":  "Content-Length: 30\r\n",
	}
	for framing, head := range heads {
		t.Run(framing, func(t *testing.T) {
			next := make(chan struct{})
			b := harness.NewBackend(t, func(c *harness.Call) {
				c.Close()
				err := c.Write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + head + "\r\n")
				for range 3 {
					select {
					case <-next:
					case <-c.Quit():
						return
					}
					if err != nil {
						return
					}
					if framing == "chunked" {
						err = c.Write("a\r\ndata: 1\r\n\r\r\n")
					} else {
						err = c.Write("data: 1\r\n\r")
					}
				}
				if framing == "chunked" {
					_ = c.Write("0\r\n\r\n")
				}
			})
			p := start(t, harness.BackendFlag(b))
			c := harness.Dial(t, p.Listen)
			c.Send(get("/login"))
			// The head comes before any event, each event before the next.
			wantStatus(t, c.Head("GET"), 200)
			for range 3 {
				next <- struct{}{}
				c.ReadUntil("data: 1\r\n\r")
			}
		})
	}
}

func TestAnUploadReachesTheBackendAsItComes(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	const half = 100_000 // a small body of known length may wait here until it is whole
	x, y := strings.Repeat("x", half), strings.Repeat("y", half)
	for i, tc := range [][3]string{
		{"Content-Length: 200000", x, y},
		{"Transfer-Encoding: chunked", chunks(x), chunks(y) + "0\r\n\r\n"},
	} {
		c := harness.Dial(t, p.Listen)
		c.Send("POST /login HTTP/1.1\r\nHost: a\r\n" + tc[0] + "\r\n\r\n" + tc[1])
		call := b.WaitCall(i + 1)
		harness.Eventually(t, "the first half at the backend", func() bool { return call.Size() == half })
		c.Send(tc[2])
		wantStatus(t, c.Answer("POST"), 200)
		if call.Body() != x+y {
			t.Errorf("%s: the backend got %d other bytes", tc[0], call.Size())
		}
	}
}

func TestAnEarlyAnswerToAnUploadReachesTheClient(t *testing.T) {
	t.Parallel()
	const size = 100 << 20
	answer := "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
	for name, script := range map[string]harness.Script{
		"and closes": func(c *harness.Call) { _ = c.Write(answer); c.Close() },
		"and stays open without reading": func(c *harness.Call) {
			_ = c.Write(answer)
			c.Close()
			<-c.Quit()
		},
		"and goes on reading": func(c *harness.Call) { _ = c.Write(answer); _ = c.ReadBody() },
	} {
		t.Run(name, func(t *testing.T) {
			b := harness.NewBackend(t, harness.By(map[string]harness.Script{"POST": script}, harness.Says(200, "read")))
			p := start(t, harness.BackendFlag(b))
			for _, chunked := range []bool{false, true} {
				c := harness.Dial(t, p.Listen)
				done := make(chan struct{})
				go func() {
					defer close(done)
					upload(c, size, chunked)
				}()
				a := c.Answer("POST")
				if a.Status != 403 || a.Body != "no" {
					t.Errorf("got %s%s", a.Raw, a.Body)
				}
				c.Close()
				<-done
				// The next ones are served.
				wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
			}
			harness.Eventually(t, "the clients are gone", func() bool {
				return p.Metrics().Must(t, "tutti_client_connections") == 0
			})
			if up := p.Metrics().Must(t, "tutti_backend_up", "backend", b.Addr); up != 1 {
				t.Error("an early answer counts as a failure")
			}
		})
	}
}

// upload sends a large body until the other side has had enough.
func upload(c *harness.Conn, size int, chunked bool) {
	piece := strings.Repeat("x", 0x8000)
	head := fmt.Sprintf("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size)
	if chunked {
		head = "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		piece = "8000\r\n" + piece + "\r\n"
	}
	err := c.TrySend(head)
	for n := 0; n < size && err == nil; n += 0x8000 {
		err = c.TrySend(piece)
	}
	if chunked && err == nil {
		_ = c.TrySend("0\r\n\r\n")
	}
}

func TestAnAnswerCutShortStaysVisiblyCutShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("b", 100000)
	cases := map[string]string{
		"length":                   "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + long,
		"length, short":            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
		"chunked, within a chunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nabc",
		"chunked, at an edge":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"chunked, a bad size":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\nabc\r\n0\r\n\r\n",
		"chunked, an endless size": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nfffffffffffffffff\r\nabc",
		"chunked, no CRLF":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcXX3\r\nabc\r\n0\r\n\r\n",
		"chunked, before the end":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
		"a reset":                  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
	}
	b := harness.NewBackend(t, nil)
	p := start(t, harness.BackendFlag(b), "--eject-after=1000")
	for name, answer := range cases {
		b.Script(harness.InTurn(func(c *harness.Call) {
			harness.BytesThenClose(answer)(c)
			if name == "a reset" {
				c.Reset()
			}
		}, harness.Says(200, "next")))
		c := harness.Dial(t, p.Listen)
		c.Send(get("/login"))
		a, err := c.TryAnswer("GET")
		// Bad at once and seen before anything went out: an error of ours is as good.
		if err == nil && a.Status != 502 {
			t.Errorf("%s: passed as whole: %s%.50q", name, a.Raw, a.Body)
		}
		if strings.Contains(a.Body, "problem") {
			t.Errorf("%s: an error page was appended: %q", name, a.Body)
		}
		c.Close()
		if a := harness.Once(t, p.Listen, get("/login")); a.Body != "next" {
			t.Errorf("%s: the next client got %s%s", name, a.Raw, a.Body)
		}
	}
}

func TestAPauseInABodyEndsAtStreamTimeout(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, func(c *harness.Call) {
		_ = c.Write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
		c.WaitGone()
	})
	p := start(t, harness.BackendFlag(b), "--stream-timeout=300ms")
	c := harness.Dial(t, p.Listen)
	c.Send(get("/login"))
	if a, err := c.TryAnswer("GET"); err == nil || a.Body != "12345" {
		t.Errorf("got %v %+v", err, a)
	}
	harness.Eventually(t, "the backend's connection ends", func() bool { return b.Open() == 0 })
}
