package e2e

import (
	"strings"
	"testing"

	"tutti/e2e/harness"
)

func TestEarlyHintsPass(t *testing.T) {
	t.Parallel()
	hint := "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
	gate := make(chan struct{})
	b := harness.NewBackend(t, func(c *harness.Call) {
		_ = c.Write(hint)
		<-gate
		_ = c.Write(harness.Plain(200, "page"))
	})
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	c.Send(get("/login"))
	// It comes before the answer is ready.
	if a := c.Interim(); a.Status != 103 || a.Get("Link") != "</a.css>; rel=preload" {
		t.Errorf("got %s", a.Raw)
	}
	close(gate)
	if a := c.Answer("GET"); a.Status != 200 || a.Body != "page" {
		t.Errorf("got %s%s", a.Raw, a.Body)
	}
	// Never to HTTP/1.0.
	a := harness.Once(t, p.Listen, "GET /login HTTP/1.0\r\nHost: a\r\n\r\n")
	if a.Status != 200 || a.Body != "page" || len(a.Interim) != 0 {
		t.Errorf("HTTP/1.0 got %d interim answers and %s%s", len(a.Interim), a.Raw, a.Body)
	}
}

func TestAFloodOfInterimAnswersEnds(t *testing.T) {
	t.Parallel()
	flood := func(status int) harness.Script {
		return func(c *harness.Call) {
			if c.ReadBody() != nil {
				return
			}
			for range 100000 {
				if c.Write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") != nil {
					c.Close()
					return
				}
			}
			_ = c.Write(harness.Plain(status, "late"))
			c.Close()
		}
	}
	b := harness.NewBackend(t, flood(200))
	p := start(t, harness.BackendFlag(b), "--retry-attempts=2", "--retry-base=1ms")
	a := harness.Once(t, p.Listen, get("/login"))
	wantProblem(t, a, 502, "http_protocol_error")
	if len(a.Interim) > 16 {
		t.Errorf("%d interim answers passed", len(a.Interim))
	}
	b.Script(flood(201))
	wantProblem(t, harness.Once(t, p.Listen, register("x")), 502, "destination_unavailable")
	// Sixteen are fine.
	b.Script(harness.Bytes(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 16) + harness.Plain(200, "ok")))
	if a := harness.Once(t, p.Listen, get("/login")); a.Status != 200 || len(a.Interim) != 16 {
		t.Errorf("after %d interim answers: %s", len(a.Interim), a.Raw)
	}
}

func TestA101NobodyAskedForIsABadAnswer(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw"))
	p := start(t, harness.BackendFlag(b))
	wantProblem(t, harness.Once(t, p.Listen, get("/login")), 502, "http_protocol_error")
}

func TestExpectOnAStreamedBodyIsTheBackendsToAnswer(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	b := harness.NewBackend(t, func(c *harness.Call) {
		if !strings.EqualFold(c.Get("Expect"), "100-continue") {
			t.Errorf("Expect did not reach the backend: %s", c.Raw)
		}
		if c.Target == "/login?refuse" {
			_ = c.Write("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
			c.Close()
			return
		}
		<-gate
		_ = c.Write("HTTP/1.1 100 Continue\r\n\r\n")
		harness.Says(200, "thanks")(c)
	})
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	c.Send("POST /login HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	b.WaitCall(1)
	if c.Buffered() != 0 {
		t.Error("100 came before the backend said it")
	}
	close(gate)
	if a := c.Interim(); a.Status != 100 {
		t.Errorf("got %s", a.Raw)
	}
	c.Send("hello")
	wantStatus(t, c.Answer("POST"), 200)
	if got := b.WaitCall(1).Body(); got != "hello" {
		t.Errorf("the backend got %q", got)
	}
	refused := harness.Dial(t, p.Listen)
	refused.Send("POST /login?refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	a := refused.Answer("POST")
	if a.Status != 403 || a.Body != "no" || len(a.Interim) != 0 {
		t.Errorf("refused: got %s%s", a.Raw, a.Body)
	}
	// Its body was never sent: the connection cannot go on.
	refused.WantClosed()
}

func TestExpectOnAWriteIsAnsweredHere(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 3, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(backends...), "--max-write-size=1KiB")
	for _, expect := range []string{"Expect: 100-continue", "expect: 100-Continue"} {
		c := harness.Dial(t, p.Listen)
		c.Send("POST /register HTTP/1.1\r\nHost: a\r\n" + expect + "\r\nContent-Length: 5\r\n\r\n")
		if a := c.Interim(); a.Status != 100 {
			t.Errorf("got %s", a.Raw)
		}
		c.Send("hello")
		a := c.Answer("POST")
		if a.Status != 201 || len(a.Interim) != 0 {
			t.Errorf("got %d interim answers and %s", len(a.Interim), a.Raw)
		}
		wantStatus(t, c.Do("GET", get("/login")), 201)
	}
	for _, b := range backends {
		if b.WaitCall(1).Body() != "hello" {
			t.Errorf("a backend got %q", b.Calls()[0].Body())
		}
	}
	// Past the limit it is refused without asking for the body.
	c := harness.Dial(t, p.Listen)
	c.Send("POST /register HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n")
	a := c.Answer("POST")
	wantProblem(t, a, 413, "http_request_error")
	if len(a.Interim) != 0 {
		t.Error("the client was told to go on and then refused")
	}
	c.WantClosed()
}

func TestAnExpectingClientThatSendsItsBodyAnywayIsServed(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, func(c *harness.Call) {
		_ = c.Write("HTTP/1.1 100 Continue\r\n\r\n")
		harness.Says(201, "ok")(c)
	})
	p := start(t, harness.BackendFlag(b))
	for _, target := range []string{"/login", "/register"} {
		c := harness.Dial(t, p.Listen)
		for range 3 {
			wantStatus(t, c.Do("POST", post(target, "hello", "Expect: 100-continue")), 201)
		}
	}
}
