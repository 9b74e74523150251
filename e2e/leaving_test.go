package e2e

import (
	"fmt"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// leave is a way for a client to go.
var leave = map[string]func(*harness.Conn){
	"fin":        (*harness.Conn).Close,
	"half-close": (*harness.Conn).CloseWrite,
	"reset":      (*harness.Conn).Reset,
}

func TestAClientThatLeavesAfterItsRequestChangesNothing(t *testing.T) {
	t.Parallel()
	for how, depart := range leave {
		t.Run(how, func(t *testing.T) {
			gate := make(chan struct{})
			backends := harness.Backends(t, 3, harness.When(gate, harness.Says(201, "ok")))
			p := start(t, harness.BackendFlag(backends...))
			c := harness.Dial(t, p.Listen)
			c.Send(register("x"))
			for _, b := range backends {
				b.WaitCall(1)
			}
			depart(c)
			close(gate)
			wantAllGot(t, p, backends, 1)
		})
	}
}

func TestAClientThatLeavesAtOnceHasWritten(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 3, harness.Says(201, "ok"))
	// Many, and a short idle time so that the idle are looked for often: a request and the end
	// behind it must never be mistaken for an idle client's end.
	p := start(t, harness.BackendFlag(backends...), "--idle-timeout=40ms")
	const clients, each = 8, 400
	crowd(clients, func(i int) {
		for n := range each {
			c, err := harness.TryDial(t, p.Listen)
			if err == nil {
				err = c.TrySend(register(fmt.Sprintf("%d-%d", i, n)))
			}
			if err != nil {
				t.Error(err)
				return
			}
			c.Close()
		}
	})
	wantAllGot(t, p, backends, clients*each)
}

func TestAClientThatLeavesWhileItsWriteIsRetriedChangesNothing(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(backends...), "--retry-base=10ms", "--retry-max-backoff=50ms", "--retry-jitter=0s")
	backends[1].Script(harness.Says(500, "not yet"))
	c := harness.Dial(t, p.Listen)
	c.Send(register("x"))
	backends[1].WaitCall(2)
	c.Reset()
	n := backends[1].Count()
	backends[1].WaitCall(n + 2)
	backends[1].Script(harness.Says(201, "ok"))
	harness.Eventually(t, "it settles", func() bool { return p.Metrics().Must(t, "tutti_writes_settled_total") == 1 })
}

func wantAllGot(t *testing.T, p *harness.Process, backends []*harness.Backend, writes int) {
	t.Helper()
	t.Cleanup(func() { explain(t, p) })
	harness.Eventually(t, "the writes settle", func() bool {
		return p.Metrics().Must(t, "tutti_writes_settled_total") == float64(writes)
	})
	for i, b := range backends {
		if n := len(b.Whole()); n != writes {
			t.Errorf("backend %d got %d of %d writes", i+1, n, writes)
		}
	}
	if n := p.Metrics().Must(t, "tutti_writes_accepted_total"); n != float64(writes) {
		t.Errorf("%v accepted", n)
	}
}

// cutBodies are what a client sent of a body before it left.
var cutBodies = map[string]string{
	"length, nothing":                  "Content-Length: 10\r\n\r\n",
	"length, a part":                   "Content-Length: 10\r\n\r\n12345",
	"length, all but one byte":         "Content-Length: 10\r\n\r\n123456789",
	"length, much":                     "Content-Length: 200000\r\n\r\n" + strings.Repeat("x", 199999),
	"chunked, nothing":                 "Transfer-Encoding: chunked\r\n\r\n",
	"chunked, within a size":           "Transfer-Encoding: chunked\r\n\r\n5",
	"chunked, within a chunk":          "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
	"chunked, before a chunk's CRLF":   "Transfer-Encoding: chunked\r\n\r\n5\r\nhello",
	"chunked, at a chunk's edge":       "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	"chunked, at a later edge":         "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n",
	"chunked, within the last chunk":   "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0",
	"chunked, before its last CRLF":    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
	"chunked, within a trailer":        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Tr",
	"chunked, after a trailer":         "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Trailer: a\r\n",
	"chunked, many at an edge":         "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("a\r\n0123456789\r\n", 9000),
	"length, waiting for 100 Continue": "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
}

func TestABodyCutShortIsNeverAWrite(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(backends...))
	for name, part := range cutBodies {
		for how, depart := range leave {
			c := harness.Dial(t, p.Listen)
			c.Send("POST /register HTTP/1.1\r\nHost: a\r\n" + part)
			depart(c)
			if how == "half-close" {
				if rest, _ := c.Rest(); strings.Contains(rest, " 20") {
					t.Errorf("%s, %s: answered %q", name, how, rest)
				}
			}
		}
	}
	harness.Eventually(t, "the clients are gone", func() bool {
		return p.Metrics().Must(t, "tutti_client_connections") == 0
	})
	wantStatus(t, harness.Once(t, p.Listen, register("marker")), 201)
	for _, b := range backends {
		b.WaitCall(1)
		if calls := b.Calls(); len(calls) != 1 || !strings.Contains(calls[0].Body(), "marker") {
			t.Errorf("a backend got %d requests, the first %q %q", len(calls), calls[0].Raw, calls[0].Body())
		}
	}
	m := p.Metrics()
	if n := m.Must(t, "tutti_writes_accepted_total"); n != 1 {
		t.Errorf("%v writes were accepted", n)
	}
	if n := m.Sum("tutti_refused_writes_total"); n < float64(len(cutBodies)) {
		t.Errorf("only %v refused writes are counted", n)
	}
	harness.Eventually(t, "no bytes are held", func() bool { return p.Metrics().Must(t, "tutti_writes_pending_bytes") == 0 })
}

func TestAStreamedBodyCutShortIsCutTowardTheBackend(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "whole"))
	p := start(t, harness.BackendFlag(b))
	for name, part := range cutBodies {
		for how, depart := range leave {
			begun := b.Count()
			c := harness.Dial(t, p.Listen)
			c.Send("POST /login HTTP/1.1\r\nHost: a\r\n" + part)
			if strings.Contains(name, "edge") {
				// It has begun to arrive before the client leaves.
				harness.Eventually(t, "a request at the backend", func() bool { return b.Count() > begun })
			}
			depart(c)
			if how == "half-close" {
				if rest, _ := c.Rest(); strings.Contains(rest, "whole") {
					t.Errorf("%s, %s: answered %q", name, how, rest)
				}
			}
		}
	}
	harness.Eventually(t, "the clients are gone", func() bool {
		return p.Metrics().Must(t, "tutti_client_connections") == 0
	})
	harness.Eventually(t, "the exchanges are abandoned", func() bool { return b.Open() == 0 })
	for _, call := range b.Whole() {
		t.Errorf("a cut body arrived as a whole request:\n%s%q", call.Raw, call.Body())
	}
	wantStatus(t, harness.Once(t, p.Listen, post("/login", "marker")), 200)
}

func TestAClientThatLeavesAbandonsItsRead(t *testing.T) {
	t.Parallel()
	for how, depart := range leave {
		t.Run(how, func(t *testing.T) {
			b := harness.NewBackend(t, harness.Hangs)
			p := start(t, harness.BackendFlag(b))
			c := harness.Dial(t, p.Listen)
			c.Send(get("/login"))
			b.WaitCall(1)
			depart(c)
			harness.Eventually(t, "the backend's connection is closed", func() bool { return b.Open() == 0 })
			harness.Eventually(t, "nothing is in flight", func() bool {
				return p.Metrics().Must(t, "tutti_requests_in_flight", "route", "balance") == 0
			})
			// It is not the backend's failure.
			if up := p.Metrics().Must(t, "tutti_backend_up", "backend", b.Addr); up != 1 {
				t.Error("a client that left took the backend down")
			}
		})
	}
}

func TestAClientThatLeavesBehindAPipelinedRequestAbandonsItsRead(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Hangs)
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	c.Send(get("/login") + get("/login?second"))
	b.WaitCall(1)
	c.Close()
	harness.Eventually(t, "the exchange is abandoned and the second not begun for nobody", func() bool {
		return b.Open() == 0 && p.Metrics().Must(t, "tutti_client_connections") == 0
	})
}

func TestAClientThatLeavesAStreamEndsIt(t *testing.T) {
	t.Parallel()
	endless := func(c *harness.Call) {
		block := "1000\r\n" + strings.Repeat("x", 0x1000) + "\r\n"
		if c.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") != nil {
			return
		}
		for c.Write(block) == nil {
		}
		c.Close()
	}
	b := harness.NewBackend(t, endless)
	p := start(t, harness.BackendFlag(b))
	for _, depart := range []func(*harness.Conn){(*harness.Conn).Close, (*harness.Conn).Reset} {
		c := harness.Dial(t, p.Listen)
		c.Send(get("/login"))
		wantStatus(t, c.Head("GET"), 200)
		c.ReadString(100000)
		depart(c)
		harness.Eventually(t, "the stream ends", func() bool { return b.Open() == 0 })
	}
}
