package e2e

import (
	"strconv"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// answerCase is a file of testdata/answers: what a backend says, and what becomes of it.
//
//	-- answer --  the bytes
//	-- then --    "close" (the default) or "open"
//	-- read --    what a reader gets: a status and, in quotes, a body; or "cut"; "502|cut" either.
//	              With 502 a write is tried again.
type answerCase struct {
	answer string
	open   bool
	wants  []string
	body   string
}

func newAnswerCase(t *testing.T, all []harness.Section) answerCase {
	t.Helper()
	var c answerCase
	for _, s := range all {
		switch s.Name {
		case "answer":
			c.answer = harness.WireBytes(t, s.Text)
		case "then":
			c.open = strings.TrimSpace(s.Text) == "open"
		case "read":
			want, body, _ := strings.Cut(strings.TrimSpace(s.Text), " ")
			c.wants = strings.Split(want, "|")
			if body != "" {
				unquoted, err := strconv.Unquote(body)
				if err != nil {
					t.Fatalf("cannot read the body %s: %v", body, err)
				}
				c.body = unquoted
			}
		default:
			t.Fatalf("unknown section %q", s.Name)
		}
	}
	return c
}

// script gives the case's answer once and then a good one.
func (c answerCase) script(status int, answer string) harness.Script {
	first := harness.BytesThenClose(answer)
	if c.open {
		first = harness.Bytes(answer)
	}
	return harness.InTurn(first, harness.Says(status, "next"))
}

// is tells whether the answer is one of those wanted.
func (c answerCase) is(a *harness.Answer, err error) bool {
	for _, want := range c.wants {
		switch {
		case want == "cut":
			if err != nil && strings.HasPrefix(c.body, a.Body) {
				return true
			}
		case err == nil && want == strconv.Itoa(a.Status):
			return a.Status == 502 || a.Body == c.body
		}
	}
	return false
}

func TestABadAnswerIsNeverPassedOnAsAGoodOne(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, nil)
	// One backend, one try: the read gets what there is to get.
	p := start(t, harness.BackendFlag(b), "--read-tries=1", "--eject-after=1000000", "--backend-timeout=5s")
	for name, parts := range harness.Corpus(t, "testdata/answers") {
		t.Run(name, func(t *testing.T) {
			tc := newAnswerCase(t, parts)
			b.Cut() // a new connection: on a used one a close at once is not the backend's fault
			b.Script(tc.script(200, tc.answer))
			c := harness.Dial(t, p.Listen)
			c.Send(get("/login"))
			a, err := c.TryAnswer("GET")
			if !tc.is(a, err) {
				t.Errorf("wanted %v %q, got %v:\n%s%q", tc.wants, tc.body, err, a.Raw, a.Body)
			}
			if err == nil && a.Status == 502 && !strings.HasPrefix(a.Get("Proxy-Status"), "tutti; error=") {
				t.Errorf("not an answer of ours: %s", a.Raw)
			}
			if strings.Contains(a.Raw, "EVIL") || strings.Contains(a.Body, "EVIL") {
				t.Errorf("bytes of another answer came: %s%s", a.Raw, a.Body)
			}
			if err == nil && !a.Closes() {
				if a := c.Do("GET", get("/login")); a.Body != "next" {
					t.Errorf("the same client's next answer is %s%q", a.Raw, a.Body)
				}
			}
			c.Close()
			for range 2 {
				if a := harness.Once(t, p.Listen, get("/login")); a.Status != 200 || a.Body != "next" {
					t.Fatalf("the next client got %s%q", a.Raw, a.Body)
				}
			}
		})
	}
}

func TestAWriteWithABadAnswerIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, nil)
	p := start(t, harness.BackendFlag(b), "--retry-base=1ms", "--retry-jitter=0s", "--eject-after=1000000", "--backend-timeout=5s")
	for name, parts := range harness.Corpus(t, "testdata/answers") {
		t.Run(name, func(t *testing.T) {
			tc := newAnswerCase(t, parts)
			b.Script(tc.script(201, strings.ReplaceAll(tc.answer, " 200 OK", " 201 Created")))
			before := b.Count()
			a := harness.Once(t, p.Listen, register("x"))
			again := b.Count()-before > 1
			switch {
			case a.Status != 201:
				t.Errorf("got %s%q", a.Raw, a.Body)
			case !again && tc.body != "" && a.Body == "" && strings.HasPrefix(a.Get("Proxy-Status"), "tutti; error="):
				// Its status was good and its body was not to be had: said, not hidden.
			case again && a.Body != "next", !again && a.Body != tc.body:
				t.Errorf("after %d attempts the client got %q", b.Count()-before, a.Body)
			case again && tc.wants[0] == "200" && len(tc.wants) == 1:
				t.Error("a good answer was tried again")
			case !again && tc.wants[0] != "200" && len(tc.wants) == 1:
				t.Error("a bad answer counted as delivered")
			}
			if a := harness.Once(t, p.Listen, register("y")); a.Status != 201 || a.Body != "next" {
				t.Errorf("the next write got %s%q", a.Raw, a.Body)
			}
		})
	}
}

func TestWhatABackendSaysUnaskedIsForNobody(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.By(map[string]harness.Script{"POST": harness.Says(201, "mine")}, harness.Says(200, "mine")))
	p := start(t, harness.BackendFlag(b), "--eject-after=1000000")
	for _, unasked := range []string{
		"HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nEVIL",
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL",
		"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nEVIL",
		"H", "\r\n", "\x00",
	} {
		for range 5 {
			wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
			b.Say(unasked)
			for _, request := range []string{get("/login"), post("/login", "x"), register("x")} {
				a := harness.Once(t, p.Listen, request)
				if a.Body != "mine" {
					t.Fatalf("after %q a client got %s%q", unasked, a.Raw, a.Body)
				}
			}
		}
	}
}

func TestALongAnswerToAWriteStillCounts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300<<10)
	for name, first := range map[string]string{
		"length":  harness.Plain(201, long),
		"chunked": "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(long) + "0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			a, b := harness.NewBackend(t, harness.Bytes(first)), harness.NewBackend(t, harness.Says(201, "short"))
			p := start(t, harness.BackendFlag(a, b), "--max-write-size=64KiB")
			got := harness.Once(t, p.Listen, register("x"))
			if got.Status != 201 {
				t.Errorf("got %s", got.Raw)
			}
			harness.Eventually(t, "it settles", func() bool { return p.Metrics().Must(t, "tutti_writes_settled_total") == 1 })
			if a.Count() != 1 || b.Count() != 1 {
				t.Errorf("sent %d and %d times", a.Count(), b.Count())
			}
		})
	}
}
