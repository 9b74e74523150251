package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// requestCase is a file of testdata/requests: what a client sends, what it gets, and what the
// backend gets, byte for byte but for what a proxy adds.
//
//	-- send --     the bytes
//	-- client --   the answers' statuses in turn ("400|501": either), then what becomes of the
//	               connection: "open", "closed" or "any"
//	-- backend --  a request that has to arrive, one section each; if the status is 4xx, none may
//	-- cut --      instead: requests may arrive, none of them whole
type requestCase struct {
	send    string
	answers [][]int
	then    string
	backend []string
	cut     bool
}

func newRequestCase(t *testing.T, all []harness.Section) requestCase {
	t.Helper()
	var c requestCase
	for _, s := range all {
		switch s.Name {
		case "send":
			c.send = harness.WireBytes(t, s.Text)
		case "client":
			for word := range strings.FieldsSeq(s.Text) {
				switch word {
				case "closed", "open", "any":
					c.then = word
				default:
					c.answers = append(c.answers, statuses(t, word))
				}
			}
		case "backend":
			c.backend = append(c.backend, harness.WireBytes(t, s.Text))
		case "cut":
			c.cut = true
		default:
			t.Fatalf("unknown section %q", s.Name)
		}
	}
	return c
}

func statuses(t *testing.T, word string) []int {
	t.Helper()
	var all []int
	for one := range strings.SplitSeq(word, "|") {
		n, err := strconv.Atoi(one)
		if err != nil {
			t.Fatalf("cannot read the status %q", word)
		}
		all = append(all, n)
	}
	return all
}

func TestRequestsArePassedOnExactlyOrRefused(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b), "--max-header-size=16KiB")
	for name, parts := range harness.Corpus(t, "testdata/requests") {
		t.Run(name, func(t *testing.T) {
			tc := newRequestCase(t, parts)
			before := b.Count()
			c := harness.Dial(t, p.Listen)
			// It may be refused and closed before all of it is sent.
			sent := background(1, func(int) { _ = c.TrySend(tc.send) })
			refused := readAnswers(t, c, tc)
			switch tc.then {
			case "closed":
				c.WantClosed()
			case "open":
				if a := c.Do("GET", get("/login?probe")); a.Body != "ok" {
					t.Errorf("the connection is out of step: %s%s", a.Raw, a.Body)
				}
			}
			sent()
			c.Close()
			// The next client is served, and what it sends is all that arrives after the case.
			if a := harness.Once(t, p.Listen, get("/login?next")); a.Status != 201 || a.Body != "ok" {
				t.Errorf("the next client got %s%s", a.Raw, a.Body)
			}
			wantForwarded(t, tc, refused, b.Calls()[before:])
		})
	}
}

// readAnswers reads the answers the case wants and tells whether one of them was a refusal where
// the case allows both.
func readAnswers(t *testing.T, c *harness.Conn, tc requestCase) (refused bool) {
	t.Helper()
	methods := methodsOf(tc.send, len(tc.answers))
	for i, want := range tc.answers {
		a, err := c.TryAnswer(methods[i])
		if err != nil {
			t.Fatalf("answer %d: %v (%+v)", i+1, err, a)
		}
		if !slices.Contains(want, a.Status) {
			t.Fatalf("answer %d: wanted %d, got %s%s", i+1, want, a.Raw, a.Body)
		}
		if a.Status >= 400 && strings.Contains(a.Get("Content-Type"), "problem") {
			refused = true
			if i == len(tc.answers)-1 && tc.then == "closed" && !a.Closes() {
				t.Errorf("the end is not announced: %s", a.Raw)
			}
		}
	}
	return refused
}

// methodsOf is the method of each request, as far as an answer's framing depends on it.
func methodsOf(send string, n int) []string {
	methods := slices.Repeat([]string{"GET"}, n)
	if strings.HasPrefix(send, "HEAD ") {
		methods[0] = "HEAD"
	}
	return methods
}

func wantForwarded(t *testing.T, tc requestCase, refused bool, calls []*harness.Call) {
	t.Helper()
	var got []*harness.Call
	for _, call := range calls {
		if call.Target != "/login?probe" && call.Target != "/login?next" {
			got = append(got, call)
		}
	}
	if tc.cut {
		for _, call := range got {
			if call.Whole() {
				t.Errorf("arrived whole:\n%s%q", call.Raw, call.Body())
			}
		}
		return
	}
	want := tc.backend
	if refused && len(tc.answers) == 1 {
		want = nil
	}
	if len(got) != len(want) {
		for _, call := range got {
			t.Logf("arrived:\n%q %q", call.Raw, call.Body())
		}
		t.Fatalf("%d requests arrived, not %d", len(got), len(want))
	}
	for i, call := range got {
		if err := sameRequest(call, want[i]); err != nil {
			t.Errorf("%v\nwanted %q\ngot    %q %q", err, want[i], call.Raw, call.Body())
		}
	}
}

// added are the fields Tutti adds; each once, unless the client's own is kept.
var added = []string{
	"Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id",
	"Idempotency-Key", "Tutti-Sequence",
}

// sameRequest compares what arrived with what should have: the request line, every line that is
// neither an addition nor framing, in order; the framing; the body.
func sameRequest(call *harness.Call, want string) error {
	head, body, _ := strings.Cut(want, "\r\n\r\n")
	wantLines, wantFraming := split(head, nil)
	skip := func(name string) bool {
		return slices.ContainsFunc(added, func(a string) bool { return strings.EqualFold(a, name) }) &&
			!strings.Contains(strings.ToLower(head), "\n"+strings.ToLower(name)+":")
	}
	gotLines, gotFraming := split(strings.TrimSuffix(call.Raw, "\r\n\r\n"), skip)
	switch {
	case !slices.Equal(gotLines, wantLines):
		return fmt.Errorf("the head differs: %q", gotLines)
	case gotFraming != wantFraming && (wantFraming != "chunked" || gotFraming != "length "+strconv.Itoa(len(body))):
		// A chunked body that came at once may go with its length.
		return fmt.Errorf("the framing is %q, not %q", gotFraming, wantFraming)
	case call.Body() != body:
		return fmt.Errorf("the body is %q", call.Body())
	}
	for i, name := range added {
		if n := len(call.Values(name)); n > 1 || (n == 0 && i < 5) {
			return fmt.Errorf("%s is there %d times", name, n)
		}
	}
	return nil
}

func split(head string, skip func(name string) bool) (lines []string, framing string) {
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		switch {
		case strings.EqualFold(name, "Content-Length"):
			framing = "length " + strings.TrimSpace(value)
		case strings.EqualFold(name, "Transfer-Encoding"):
			framing = "chunked"
		case skip == nil || !skip(name):
			lines = append(lines, line)
		}
	}
	return lines, framing
}
