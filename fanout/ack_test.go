package fanout

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// pageOf reads a write's page on --listen.
func pageOf(t testing.TB, c *client, path string) (page struct {
	ID       string
	State    string
	Durable  bool
	Accepted time.Time
	Method   string
	Backends []struct {
		Backend  any
		State    string
		Attempts int
		Status   int
		Error    string
	}
},
) {
	t.Helper()
	r := c.do("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
	if r.status != 200 || r.header.Get("Content-Type") != "application/json" || r.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("the page %s: %+v", path, r)
	}
	if err := json.Unmarshal([]byte(r.body), &page); err != nil {
		t.Fatalf("%q: %v", r.body, err)
	}
	return page
}

// slowness is how long a slow backend takes: others are faster than that on a busy machine, too.
const slowness = 600 * time.Millisecond

// The kinds of backend a policy has to live with.
func kinds(t *testing.T) map[byte]func() string {
	never := make(chan struct{})
	return map[byte]func() string{
		'+': func() string { return newFake(t, "good", nil).addr },
		'h': func() string { return newFake(t, "hanging", hangUntil(never)).addr },
		'5': func() string { return newFake(t, "failing", script(500)).addr },
		'x': func() string { return refusing(t) },
		's': func() string {
			return newFake(t, "slow", func(*fakeRequest) reaction {
				c := make(chan struct{})
				time.AfterFunc(slowness, func() { close(c) })
				return reaction{hang: c}
			}).addr
		},
		'4': func() string { return newFake(t, "refusing", script(422)).addr },
	}
}

func TestEveryAckPolicyAnswersWhenItShould(t *testing.T) {
	const ackTimeout, never = 500 * time.Millisecond, time.Minute
	f := func(ack, backends string, status int, from string, atLeast time.Duration) {
		t.Helper()
		t.Run(ack+" of "+backends, func(t *testing.T) {
			t.Parallel()
			var addrs []string
			all := kinds(t)
			for i := range len(backends) {
				addrs = append(addrs, all[backends[i]]())
			}
			need, earliest, err := ParseAck(ack, len(addrs))
			if err != nil {
				t.Fatal(err)
			}
			timeout := ackTimeout
			if status != 202 {
				timeout = never
			}
			r := newRig(t, addrs, func(s *setup) {
				s.fanout.Ack, s.fanout.AckEarliest, s.fanout.AckTimeout = need, earliest, timeout
			})
			c := r.dial()
			start := time.Now()
			got := c.do(post("/w", "x"))
			took := time.Since(start)
			if got.status != status || from != "" && got.header.Get("X-From") != from {
				t.Errorf("answered %d from %q after %v: %s", got.status, got.header.Get("X-From"), took, got.body)
			}
			if took < atLeast || took > atLeast+9*time.Second {
				t.Errorf("answered after %v, want about %v", took, atLeast)
			}
			if s := r.f.Snapshot(); s.Accepted != 1 || s.Accepted != s.Settled+s.Pending+s.Parked {
				t.Errorf("accounting: %+v", s)
			}
			if status == 202 {
				if p := pageOf(t, c, got.header.Get("Location")); p.State != "pending" || len(p.Backends) != len(addrs) {
					t.Errorf("page: %+v", p)
				}
			}
		})
	}
	const slow = slowness
	// all
	f("all", "+++", 201, "good", 0)
	f("all", "s++", 201, "slow", slow)
	f("all", "++s", 201, "good", slow)
	f("all", "++h", 202, "", ackTimeout)
	f("all", "h++", 202, "", ackTimeout)
	f("all", "+5+", 202, "", ackTimeout)
	f("all", "x++", 202, "", ackTimeout)
	f("all", "+", 201, "good", 0)
	f("all", "h", 202, "", ackTimeout)
	// quorum
	f("quorum", "++h", 201, "good", 0)
	f("quorum", "h++", 201, "good", 0)
	f("quorum", "5+s", 201, "good", slow)
	f("quorum", "s5+", 201, "slow", slow)
	f("quorum", "x5+", 202, "", ackTimeout)
	f("quorum", "+hhh", 202, "", ackTimeout)
	// one: the earliest
	f("one", "hh+", 201, "good", 0)
	f("one", "s+h", 201, "good", 0)
	f("one", "x5s", 201, "slow", slow)
	f("one", "hhh", 202, "", ackTimeout)
	// a number
	f("2", "s+h", 201, "slow", slow)
	f("2", "hh+", 202, "", ackTimeout)
	f("3", "+++", 201, "good", 0)
	// refused by all alike
	f("all", "444", 422, "refusing", 0)
	f("one", "44", 422, "refusing", 0)
	f("all", "4", 422, "refusing", 0)
	f("all", "44+", 202, "", ackTimeout) // one has it: not unanimous, and sent again
}

func TestTheEarlierOfTwoAnswersInOrderIsGivenOnceEnoughHaveDelivered(t *testing.T) {
	release := make(chan struct{})
	a := newFake(t, "a", hangUntil(release))
	b := newFake(t, "b", nil)
	c := newFake(t, "c", hangUntil(make(chan struct{})))
	r := rigOf(t, func(s *setup) { s.fanout.Ack = 2 }, a, b, c)
	cl := r.dial()
	cl.send(post("/", "x"))
	eventually(t, "b has answered", func() bool { return r.f.Snapshot().Backends[1].Owed == 0 && len(b.requests()) == 1 })
	close(release)
	got, err := cl.read("POST")
	if err != nil || got.header.Get("X-From") != "a" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestA202NamesAPageThatGoesFromPendingToSettled(t *testing.T) {
	release := make(chan struct{})
	a, b := newFake(t, "a", nil), newFake(t, "b", hangUntil(release))
	r := rigOf(t, func(s *setup) { s.fanout.AckTimeout = 50 * time.Millisecond }, a, b)
	c := r.dial()
	got := c.do(post("/secret?x=1", "x"))
	where := got.header.Get("Location")
	if got.status != 202 || !strings.HasPrefix(where, "/-/writes/") || got.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%+v", got)
	}
	if none := c.do("GET /-/writes/zz HTTP/1.1\r\nHost: t\r\n\r\n"); none.status != 404 || none.header.Get("Proxy-Status") == "" {
		t.Errorf("no write's page: %+v", none)
	}
	if n := r.group.All()[1].Stats().Lacks; n != 1 {
		t.Errorf("the hanging backend lacks %d answered writes", n)
	}
	eventually(t, "the good backend lacks nothing", func() bool { return r.group.All()[0].Stats().Lacks == 0 })
	p := pageOf(t, c, where)
	if p.State != "pending" || p.Durable != journaled() || p.Method != "" || len(p.Backends) != 2 ||
		p.Backends[0].State != "delivered" || p.Backends[0].Status != 201 || p.Backends[0].Attempts != 1 || p.Backends[0].Backend != 1.0 ||
		p.Backends[1].State != "sending" || p.Backends[1].Backend != 2.0 || time.Since(p.Accepted) > time.Minute {
		t.Errorf("page while pending: %+v", p)
	}
	if strings.Contains(got.body, "secret") || strings.Contains(got.body, b.addr) {
		t.Errorf("the 202 tells too much: %s", got.body)
	}
	close(release)
	eventually(t, "settled", func() bool { return pageOf(t, c, where).State == "settled" })
	if p := pageOf(t, c, where); p.Backends[1].State != "delivered" || p.Backends[1].Attempts != 1 {
		t.Errorf("page when settled: %+v", p)
	}
	if n := len(b.requests()); n != 1 {
		t.Errorf("the backend that was slow got it %d times", n)
	}
	r.settled(1)
	if v, ok := r.f.Lookup(strings.TrimPrefix(where, "/-/writes/")); !ok || v.Method != "POST" || v.Path != "/secret?x=1" || v.Sequence != 1 || v.Backends[1].Backend.Name != b.addr {
		t.Errorf("for operators: %+v", v)
	}
}

func TestAPageIsForgottenWhenItsTimeIsOver(t *testing.T) {
	release := make(chan struct{})
	a := newFake(t, "a", hangUntil(release))
	r := rigOf(t, func(s *setup) {
		s.fanout.AckTimeout, s.fanout.KeepFor = 20*time.Millisecond, 100*time.Millisecond
	}, a)
	c := r.dial()
	where := c.do(post("/", "x")).header.Get("Location")
	close(release)
	eventually(t, "404", func() bool {
		return c.do("GET "+where+" HTTP/1.1\r\nHost: a\r\n\r\n").status == 404
	})
	for _, id := range []string{"", "x", strings.Repeat("0", 32), strings.Repeat("0", 31) + "G", strings.ToUpper(strings.Repeat("ab", 16)), strings.Repeat("0", 33), "../../x"} {
		got := c.do("GET /-/writes/" + id + "x HTTP/1.1\r\nHost: a\r\n\r\n")
		if got.status != 404 {
			t.Errorf("%q: %d", id, got.status)
		}
	}
	r.settled(1)
}

func TestInlineAnswersThatTakeLongGoOnElsewhereAndAreNotRepeated(t *testing.T) {
	slow := func(d time.Duration) func(*fakeRequest) reaction {
		return func(*fakeRequest) reaction {
			c := make(chan struct{})
			time.AfterFunc(d, func() { close(c) })
			return reaction{hang: c}
		}
	}
	fakes := []*fake{
		newFake(t, "a", slow(400*time.Millisecond)), newFake(t, "b", nil),
		newFake(t, "c", slow(500*time.Millisecond)), newFake(t, "d", slow(20*time.Millisecond)),
	}
	r := rigOf(t, nil, fakes...)
	if !r.f.inline {
		t.Fatal("the client's goroutine does not send")
	}
	c := r.dial()
	for i := range 3 { // from the second on there are idle connections
		start := time.Now()
		got := c.do(post("/", "x"))
		if took := time.Since(start); got.status != 201 || got.header.Get("X-From") != "a" || took > 9*time.Second {
			t.Fatalf("%+v after %v", got, took)
		}
		for _, f := range fakes {
			if n := len(f.requests()); n != i+1 {
				t.Errorf("%s got %d of %d", f.name, n, i+1)
			}
		}
	}
	r.settled(3)
}

// One slow backend must not make the others' answers late while they lie unread.
func TestABackendThatTimesOutDoesNotTakeTheOthersWithIt(t *testing.T) {
	never := make(chan struct{})
	a := newFake(t, "a", func(r *fakeRequest) reaction {
		if r.n == 1 {
			return reaction{hang: never}
		}
		return reaction{}
	})
	b, c := newFake(t, "b", nil), newFake(t, "c", nil)
	r := rigOf(t, func(s *setup) { s.backend.ResponseTimeout = 1500 * time.Millisecond }, a, b, c)
	cl := r.dial()
	for range 3 {
		if got := cl.do(post("/", "x")); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	if na, nb, nc := len(a.requests()), len(b.requests()), len(c.requests()); na != 4 || nb != 3 || nc != 3 {
		t.Errorf("a got %d, b %d, c %d writes", na, nb, nc)
	}
	r.settled(3)
}

// While one backend hangs, the others' answers are taken, whichever it is.
func TestTheOthersAnswersAreTakenWhileOneBackendHangs(t *testing.T) {
	for hung := range 3 {
		never := make(chan struct{})
		var fakes []*fake
		for i := range 3 {
			fakes = append(fakes, newFake(t, "x", func(q *fakeRequest) reaction {
				if i == hung && q.n > 0 {
					return reaction{hang: never}
				}
				return reaction{}
			}))
		}
		r := rigOf(t, nil, fakes...)
		c := r.dial()
		if got := c.do(post("/", "x")); got.status != 201 {
			t.Fatalf("%+v", got)
		}
		start := time.Now()
		c.send(post("/", "y"))
		eventually(t, "the others have delivered", func() bool {
			owed := 0
			for _, b := range r.f.Snapshot().Backends {
				owed += b.Owed
			}
			return owed == 1 && r.f.Snapshot().Accepted == 2
		})
		if took := time.Since(start); took > 4500*time.Millisecond { // it is given up after 5 s
			t.Errorf("backend %d hangs: the others were done after %v", hung, took)
		}
		r.stop()
	}
}
