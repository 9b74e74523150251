package e2e

import (
	"fmt"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

func TestAPipelinedAnswerDoesNotWaitForTheNextRequest(t *testing.T) {
	t.Parallel()
	for _, second := range []string{get("/login?second"), post("/login?second", "x"), register("second")} {
		gate := make(chan struct{})
		b := harness.NewBackend(t, func(c *harness.Call) {
			if strings.Contains(c.Target, "first") {
				harness.Says(200, "first")(c)
				return
			}
			harness.When(gate, harness.Says(201, "second"))(c)
		})
		p := start(t, harness.BackendFlag(b))
		c := harness.Dial(t, p.Listen)
		c.Send(get("/login?first") + second)
		b.WaitCall(2)
		if a := c.Answer("GET"); a.Body != "first" {
			t.Errorf("got %q first", a.Body)
		}
		close(gate)
		if a := c.Answer("GET"); a.Body != "second" {
			t.Errorf("got %q second", a.Body)
		}
	}
}

func TestPipelinedAnswersNeverChangePlaces(t *testing.T) {
	t.Parallel()
	echo := func(c *harness.Call) {
		if c.ReadBody() != nil {
			return
		}
		status := 200
		if c.Method == "POST" {
			status = 201
		}
		harness.Says(status, c.Target+" "+c.Body())(c)
	}
	backends := harness.Backends(t, 3, echo)
	p := start(t, harness.BackendFlag(backends...))
	crowd(6, func(i int) {
		c, err := harness.TryDial(t, p.Listen)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		const burst = 12
		for round := range 20 {
			var out strings.Builder
			for n := range burst {
				out.WriteString(pipelined(i, round, n))
			}
			if err := c.TrySend(out.String()); err != nil {
				t.Error(err)
				return
			}
			for n := range burst {
				a, err := c.TryAnswer("GET")
				want := fmt.Sprintf("/%d/%d/%d", i, round, n)
				if err != nil || !strings.Contains(a.Body, want+" ") {
					t.Errorf("wanted the answer to %s, got %v %+v", want, err, a)
					return
				}
			}
		}
	})
}

// pipelined is one of a mix: reads, small and chunked writes, and a body that is streamed.
func pipelined(i, round, n int) string {
	path := fmt.Sprintf("/%d/%d/%d", i, round, n)
	switch n % 4 {
	case 0:
		return get(path)
	case 1:
		return post(path, "small")
	case 2:
		return "POST " + path + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	default:
		return post("/login?"+path, strings.Repeat("y", 30000))
	}
}

func TestAHeadInOneByteWritesSucceeds(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	for _, request := range []string{
		get("/login"), register("x"),
		"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	} {
		for i := range len(request) {
			c.Send(request[i : i+1])
		}
		a := c.Answer("GET")
		if a.Body != "ok" {
			t.Errorf("got %s%s", a.Raw, a.Body)
		}
	}
}

func TestARequestBehindAStreamedBodyIsAnswered(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b))
	big := strings.Repeat("z", 300000)
	for _, first := range []string{
		post("/login", big),
		post("/register", big),
		"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(big) + "0\r\nX-T: v\r\n\r\n",
	} {
		c := harness.Dial(t, p.Listen)
		sent := make(chan error, 1)
		go func() { sent <- c.TrySend(first + get("/login?behind") + get("/login?behind")) }()
		for range 3 {
			wantStatus(t, c.Answer("POST"), 201)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
}

// chunks is body in chunks of some 1,000 bytes, without the last one.
func chunks(body string) string {
	var b strings.Builder
	for len(body) > 0 {
		n := min(1000, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String()
}

func TestABlankLineBeforeARequestIsSkipped(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	for range 3 {
		wantStatus(t, c.Do("GET", "\r\n"+get("/login")), 200)
	}
	wantStatus(t, c.Do("POST", post("/login", "abc")+"\r\n"), 200)
	wantStatus(t, c.Do("GET", get("/login")), 200)
}
