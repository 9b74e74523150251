package fanout

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A client that leaves inside its body has not sent a write: no backend ever gets any of it.
func TestAClientThatLeavesInsideItsBodySendsNoWrite(t *testing.T) {
	half := strings.Repeat("x", 100_000)
	for name, raw := range map[string]string{
		"Content-Length, nothing of it":     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
		"Content-Length, some of it":        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345",
		"Content-Length, all but a byte":    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123456789",
		"Content-Length, a large one":       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + half,
		"chunked, before the first chunk":   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
		"chunked, inside a chunk":           "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\n12345",
		"chunked, at a chunk's edge":        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
		"chunked, before the last CRLF":     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n",
		"chunked, at the edge of a large":   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" + half + "\r\n",
		"chunked, inside the trailers":      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\nX-A: b\r\n",
		"chunked, inside the size's digits": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1",
	} {
		for _, how := range []string{"FIN", "RST"} {
			t.Run(name+", "+how, func(t *testing.T) {
				a, b := newFake(t, "a", nil), newFake(t, "b", nil)
				r := rigOf(t, nil, a, b)
				c := r.dial()
				c.send(raw)
				// A small body with a length is kept back by the front until it is whole.
				front := strings.Contains(name, "Content-Length") && !strings.Contains(name, "large")
				eventually(t, "admitted", func() bool {
					r.f.mu.Lock()
					defer r.f.mu.Unlock()
					return r.f.ledger.arriving == 1 || front && r.front.Stats().Active == 1
				})
				if how == "RST" {
					_ = c.c.(*net.TCPConn).SetLinger(0)
				}
				c.c.Close()
				eventually(t, "given up", func() bool {
					r.f.mu.Lock()
					defer r.f.mu.Unlock()
					return r.f.ledger.arriving == 0 && r.f.ledger.bytes == 0
				})
				if got := r.dial().do(post("/", "whole")); got.status != 201 {
					t.Errorf("the next write: %+v", got)
				}
				for _, f := range []*fake{a, b} {
					if q := f.requests(); len(q) != 1 || q[0].body != "whole" {
						t.Errorf("%s got %d requests", f.name, len(q))
					}
					if f.dials > 1 {
						t.Errorf("%s was connected to %d times", f.name, f.dials)
					}
				}
				r.settled(1)
				if !front {
					eventually(t, "it is counted as refused", func() bool {
						return strings.Contains(scrapeOf(r), `tutti_refused_writes_total{reason="client_left"} 1`)
					})
				}
			})
		}
	}
}

func scrapeOf(r *rig) string {
	var page bytes.Buffer
	r.m.WritePrometheus(&page)
	return page.String()
}

func TestAClientThatLeavesAfterItsRequestWasCompleteChangesNothing(t *testing.T) {
	for _, how := range []string{"FIN", "RST"} {
		release := make(chan struct{})
		a, b := newFake(t, "a", hangUntil(release)), newFake(t, "b", hangUntil(release))
		r := rigOf(t, nil, a, b)
		c := r.dial()
		c.send(post("/", "x"))
		eventually(t, "both have it", func() bool { return len(a.requests()) == 1 && len(b.requests()) == 1 })
		if how == "RST" {
			_ = c.c.(*net.TCPConn).SetLinger(0)
		}
		c.c.Close()
		time.AfterFunc(300*time.Millisecond, func() { close(release) })
		r.settled(1)
		if len(a.requests()) != 1 || len(b.requests()) != 1 || a.took[a.requests()[0].key()] != 1 || b.took[b.requests()[0].key()] != 1 {
			t.Errorf("%s: it was cut or repeated: %d, %d", how, len(a.requests()), len(b.requests()))
		}
	}
}

func TestAClientThatLeavesBeforeASlowBackendIsTriedChangesNothing(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	b.down()
	r := rigOf(t, nil, a, b)
	c := r.dial()
	c.send(post("/", "x"))
	eventually(t, "a has it", func() bool { return len(a.requests()) == 1 })
	c.c.Close()
	b.up()
	r.settled(1)
	if q := b.requests(); len(q) != 1 || q[0].body != "x" {
		t.Errorf("b got %d", len(q))
	}
}

func TestBodiesArriveWholeHoweverTheyAreSent(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 20_000) // 320 kB
	chunk := func(parts ...string) string {
		var b strings.Builder
		for _, p := range parts {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(p), p)
		}
		return b.String() + "0\r\n\r\n"
	}
	const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	for name, f := range map[string]struct{ head, body, want string }{
		"nothing":         {"POST / HTTP/1.1\r\nHost: a\r\n\r\n", "", ""},
		"a length of 0":   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "", ""},
		"small":           {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "12345", "12345"},
		"large":           {fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", len(big)), big, big},
		"chunked, empty":  {chunked + "\r\n", chunk(), ""},
		"chunked":         {chunked + "\r\n", chunk("ab", "cde"), "abcde"},
		"chunked, large":  {chunked + "\r\n", chunk(big[:70_000], big[70_000:70_001], big[70_001:]), big},
		"64 KiB exactly":  {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n", big[:65536], big[:65536]},
		"128 KiB chunked": {chunked + "\r\n", chunk(big[:131072]), big[:131072]},
		"expect":          {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", "12345", "12345"},
	} {
		for _, slowly := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, slowly %v", name, slowly), func(t *testing.T) {
				a, b := newFake(t, "a", nil), newFake(t, "b", nil)
				r := rigOf(t, nil, a, b)
				c := r.dial()
				c.send(f.head)
				if slowly {
					for i := 0; i < len(f.body); i += 1 + len(f.body)/7 {
						c.send(f.body[i:min(len(f.body), i+1+len(f.body)/7)])
						<-time.After(time.Millisecond)
					}
				} else {
					c.send(f.body)
				}
				got, err := c.read("POST")
				if err == nil && got.status == 100 {
					got, err = c.read("POST")
				}
				if err != nil || got.status != 201 {
					t.Fatalf("%+v, %v", got, err)
				}
				for _, f2 := range []*fake{a, b} {
					q := f2.requests()
					if len(q) != 1 || q[0].body != f.want {
						t.Fatalf("%s got %d requests, %d bytes", f2.name, len(q), len(q[0].body))
					}
					if len(q[0].TransferEncoding) != 0 || q[0].Header.Get("Expect") != "" {
						t.Errorf("%s got %v", f2.name, q[0].Header)
					}
				}
				// and the connection goes on
				if got := c.do(post("/", "next")); got.status != 201 {
					t.Errorf("the next one: %+v", got)
				}
				r.settled(2)
			})
		}
	}
}

func TestTrailersOfAWriteGoOn(t *testing.T) {
	a := newFake(t, "a", nil)
	r := rigOf(t, nil, a)
	got := r.dial().do("POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n")
	if got.status != 201 {
		t.Fatalf("%+v", got)
	}
	if q := a.requests()[0]; q.body != "abc" || q.Trailer.Get("X-Sum") != "7" {
		t.Errorf("%q with trailers %v", q.body, q.Trailer)
	}
}

func TestABadBodyIsRefusedAndForwardedToNobody(t *testing.T) {
	a := newFake(t, "a", nil)
	r := rigOf(t, nil, a)
	c := r.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	<-time.After(20 * time.Millisecond)
	c.send("zz\r\n")
	got, err := c.read("POST")
	if err != nil || got.status != 400 || !got.closes {
		t.Errorf("%+v, %v", got, err)
	}
	if n := len(a.requests()); n != 0 {
		t.Errorf("the backend got %d", n)
	}
	if !strings.Contains(scrapeOf(r), `tutti_refused_writes_total{reason="malformed"} 1`) {
		t.Error("it was not counted")
	}
}

func TestAClientTooSlowInItsBodyGets408(t *testing.T) {
	a := newFake(t, "a", nil)
	r := rigOf(t, func(s *setup) { s.front.ClientTimeout = time.Second }, a)
	c := r.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123")
	got, err := c.read("POST")
	if err != nil || got.status != 408 || !got.closes {
		t.Errorf("%+v, %v", got, err)
	}
	if s := r.f.Snapshot(); s.Accepted != 0 || s.PendingBytes != 0 || len(a.requests()) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestPipelinedWritesAreAnsweredInOrder(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	echo := func(q *fakeRequest) reaction { return reaction{body: q.body} }
	a.behave(echo)
	b.behave(echo)
	r := rigOf(t, nil, a, b)
	c := r.dial()
	var all strings.Builder
	for i := range 50 {
		all.WriteString(post("/", fmt.Sprint(i)))
	}
	c.send(all.String())
	for i := range 50 {
		got, err := c.read("POST")
		if err != nil || got.body != fmt.Sprint(i) {
			t.Fatalf("answer %d: %+v, %v", i, got, err)
		}
	}
	r.settled(50)
}
