package fanout

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tutti/retry"
)

// times notes when each request came, by body.
type times struct {
	mu sync.Mutex
	at map[string][]time.Time
}

func (ts *times) note(r *fakeRequest) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.at == nil {
		ts.at = map[string][]time.Time{}
	}
	ts.at[r.body] = append(ts.at[r.body], time.Now())
}

func (ts *times) of(body string) []time.Time {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return append([]time.Time(nil), ts.at[body]...)
}

// The wait is the formula's: exact below, tolerant above, since a machine may be busy.
func TestTheWaitsBetweenTheAttemptsFollowTheFormulaAndThenTheDeliveryIsParked(t *testing.T) {
	p := retry.Policy{Base: 20 * time.Millisecond, Max: 160 * time.Millisecond, Jitter: 10 * time.Millisecond, Attempts: 8}
	var seen times
	good := newFake(t, "good", nil)
	bad := newFake(t, "bad", func(r *fakeRequest) reaction {
		seen.note(r)
		return reaction{code: 500}
	})
	r := rigOf(t, func(s *setup) {
		s.fanout.Policy = p
		s.fanout.AckTimeout = 20 * time.Millisecond
	}, good, bad)
	got := r.dial().do(post("/w?q", "x"))
	if got.status != 202 {
		t.Fatalf("%+v", got)
	}
	id := strings.TrimPrefix(got.header.Get("Location"), "/-/writes/")
	eventually(t, "parked", func() bool { return r.f.Snapshot().Parked == 1 })

	at := seen.of("x")
	if len(at) != p.Attempts {
		t.Fatalf("%d attempts, want %d", len(at), p.Attempts)
	}
	for n := range len(at) - 1 {
		wait := at[n+1].Sub(at[n])
		least := min(p.Base<<n, p.Max)
		if wait < least || wait > least+p.Jitter+10*time.Second { // the machine's own
			t.Errorf("wait %d was %v, want %v to %v", n, wait, least, least+p.Jitter)
		}
		t.Logf("wait %d: %v (%v + up to %v)", n, wait.Round(100*time.Microsecond), least, p.Jitter)
	}

	// visible: in the list, by backend, on the page, in the metrics
	for _, q := range []Filter{{State: "parked"}, {Backend: bad.addr}, {}} {
		l := r.f.List(q)
		if len(l) != 1 || l[0].ID != id || l[0].State != "parked" || l[0].Backends[1].State != "parked" ||
			l[0].Backends[1].Attempts != p.Attempts || l[0].Backends[1].Status != 500 || l[0].Path != "/w?q" {
			t.Errorf("%+v: %+v", q, l)
		}
	}
	if l := r.f.List(Filter{State: "pending"}); len(l) != 0 {
		t.Errorf("pending: %+v", l)
	}
	if l := r.f.List(Filter{Backend: good.addr}); len(l) != 0 {
		t.Errorf("the good one is owed: %+v", l)
	}
	s := r.f.Snapshot()
	if s.Accepted != 1 || s.Pending != 0 || s.Settled != 0 || s.Backends[1].Parked != 1 || s.Backends[1].Owed != 0 || s.Backends[0].Parked != 0 {
		t.Errorf("accounting: %+v", s)
	}
	var page bytes.Buffer
	r.m.WritePrometheus(&page)
	for _, want := range []string{
		fmt.Sprintf("target_domain_failed_counter_total{domain=%q} %d\n", bad.addr, p.Attempts),
		fmt.Sprintf("target_domain_success_counter_total{domain=%q} 1\n", good.addr),
		fmt.Sprintf("tutti_retries_total{backend=%q} %d\n", bad.addr, p.Attempts-1),
		fmt.Sprintf("tutti_retries_total{backend=%q} 0\n", good.addr),
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %q in the metrics", want)
		}
	}
	if n := r.group.All()[1].Stats().Lacks; n != 1 {
		t.Errorf("the bad backend lacks %d", n)
	}
}

func TestAParkedDeliveryIsRetriedOrDroppedByAnOperator(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	a := newFake(t, "a", nil)
	b := newFake(t, "b", func(*fakeRequest) reaction {
		if broken.Load() {
			return reaction{code: 500}
		}
		return reaction{}
	})
	r := rigOf(t, func(s *setup) { s.fanout.Policy.Attempts = 2 }, a, b)
	c := r.dial()
	got := c.do(post("/", "first"))
	if got.status != 502 || !strings.Contains(got.header.Get("Proxy-Status"), "destination_unavailable") ||
		!strings.Contains(got.body, `"backends":[{"backend":1,"state":"delivered","attempts":1,"status":201},{"backend":2,"state":"parked","attempts":2,"status":500}]`) {
		t.Fatalf("%+v", got)
	}
	ids := func() (ids []string) {
		for _, v := range r.f.List(Filter{}) {
			ids = append(ids, v.ID)
		}
		return ids
	}
	first := ids()[0]
	if !strings.Contains(got.body, `"id":"`+first+`"`) {
		t.Errorf("the problem has another id than the list: %s", got.body)
	}
	c.do(post("/", "second"))
	second := ids()[1]
	if after := r.f.List(Filter{After: 1}); len(after) != 1 || after[0].ID != second {
		t.Errorf("after the first: %+v", after)
	}

	// retried in vain: two attempts more, parked again
	if err := r.f.Retry(first, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "parked again", func() bool { return len(b.requests()) == 6 && r.f.Snapshot().Parked == 2 })

	broken.Store(false)
	if err := r.f.Retry(first, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "settled", func() bool { return r.f.Snapshot().Settled == 1 })
	if err := r.f.Retry(first, false); !errors.Is(err, ErrState) {
		t.Errorf("a settled one can be retried: %v", err)
	}
	if err := r.f.Drop(first); !errors.Is(err, ErrState) {
		t.Errorf("a settled one can be dropped: %v", err)
	}

	if err := r.f.Drop(second); err != nil {
		t.Fatal(err)
	}
	r.settled(2)
	if v, _ := r.f.Lookup(second); v.State != "settled" || v.Backends[1].State != "dropped" {
		t.Errorf("dropped: %+v", v)
	}
	for _, id := range []string{"", "x", strings.Repeat("0", 32)} {
		if err := r.f.Retry(id, false); !errors.Is(err, ErrUnknown) {
			t.Errorf("Retry(%q): %v", id, err)
		}
		if err := r.f.Drop(id); !errors.Is(err, ErrUnknown) {
			t.Errorf("Drop(%q): %v", id, err)
		}
	}
}

func TestWhatIsBeingSentWhenItIsDroppedEndsByItsOwnOutcome(t *testing.T) {
	for _, end := range []struct {
		code int
		want string
	}{{201, "delivered"}, {500, "dropped"}} {
		release := make(chan struct{})
		a := newFake(t, "a", func(*fakeRequest) reaction { return reaction{hang: release, code: end.code} })
		b := newFake(t, "b", script(500))
		r := rigOf(t, func(s *setup) { s.fanout.AckTimeout = 20 * time.Millisecond }, a, b)
		id := strings.TrimPrefix(r.dial().do(post("/", "x")).header.Get("Location"), "/-/writes/")
		if err := r.f.Drop(id); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the other one is dropped", func() bool { return r.f.Snapshot().Backends[1].Owed == 0 })
		if s := r.f.Snapshot(); s.Pending != 1 || s.Backends[0].Owed != 1 {
			t.Errorf("while it is being sent: %+v", s)
		}
		close(release)
		r.settled(1)
		if v, _ := r.f.Lookup(id); v.Backends[0].State != end.want || v.Backends[1].State != "dropped" {
			t.Errorf("after a %d: %+v", end.code, v.Backends)
		}
	}
}

func TestTheSame4xxFromAllIsTheClientsAnswerAndIsNotRetried(t *testing.T) {
	answer := func(code int, body string) func(*fakeRequest) reaction {
		return func(*fakeRequest) reaction { return reaction{code: code, body: body} }
	}
	a, b := newFake(t, "a", answer(409, "taken, says a")), newFake(t, "b", answer(409, "taken, says b"))
	r := rigOf(t, func(s *setup) { // the first may have answered long before the other
		s.fanout.Policy.Base, s.fanout.Policy.Max = time.Minute, time.Minute
	}, a, b)
	got := r.dial().do(post("/", "x"))
	if got.status != 409 || got.body != "taken, says a" || got.header.Get("X-From") != "a" {
		t.Errorf("%+v", got)
	}
	r.settled(1)
	if len(a.requests()) != 1 || len(b.requests()) != 1 {
		t.Errorf("a got %d, b %d", len(a.requests()), len(b.requests()))
	}
	if n := r.group.All()[0].Stats().Lacks; n != 0 {
		t.Errorf("a rejected write is lacked: %d", n)
	}
}

func TestUnanimityWaitsForTheLastFirstAttempt(t *testing.T) {
	release := make(chan struct{})
	a := newFake(t, "a", script(404))
	b := newFake(t, "b", func(*fakeRequest) reaction { return reaction{hang: release, code: 404} })
	r := rigOf(t, nil, a, b)
	c := r.dial()
	c.send(post("/", "x"))
	eventually(t, "a is retried meanwhile", func() bool { return len(a.requests()) >= 3 })
	close(release)
	got, err := c.read("POST")
	if err != nil || got.status != 404 {
		t.Fatalf("%+v, %v", got, err)
	}
	r.settled(1)
}

// Refused by all at first, but one has taken it since: the others are tried until they do, too.
func TestWhatABackendHasTakenIsNotRefusedForTheOthers(t *testing.T) {
	release := make(chan struct{})
	a := newFake(t, "a", script(404, 201))
	b := newFake(t, "b", func(q *fakeRequest) reaction {
		if q.n > 0 {
			return reaction{}
		}
		return reaction{hang: release, code: 404}
	})
	r := rigOf(t, nil, a, b)
	c := r.dial()
	c.send(post("/", "x"))
	eventually(t, "a has it", func() bool { return len(a.requests()) == 2 && r.f.Snapshot().Backends[0].Owed == 0 })
	close(release)
	if got, err := c.read("POST"); err != nil || got.status != 201 {
		t.Errorf("%+v, %v", got, err)
	}
	r.settled(1)
	if len(b.requests()) != 2 {
		t.Errorf("b got it %d times", len(b.requests()))
	}
}

func TestOtherStatusesThatAllAgreeOnAreRetried(t *testing.T) {
	for _, code := range []int{408, 425, 429, 500, 200, 301} {
		a, b := newFake(t, "a", script(code, 201)), newFake(t, "b", script(code, 201))
		r := rigOf(t, nil, a, b)
		if got := r.dial().do(post("/", "x")); got.status != 201 {
			t.Errorf("%d: %+v", code, got)
		}
		r.settled(1)
	}
}

func TestARejectListEndsADeliveryAtOnce(t *testing.T) {
	inMemory(t)
	a, b := newFake(t, "a", script(400)), newFake(t, "b", nil)
	r := rigOf(t, func(s *setup) { s.fanout.Reject, s.fanout.RejectUnanimous = set(t, "400-499"), false }, a, b)
	got := r.dial().do(post("/", "x"))
	if got.status != 502 || !strings.Contains(got.body, `"state":"rejected"`) {
		t.Errorf("rejected by one: %+v", got)
	}
	r.settled(1)
	if len(a.requests()) != 1 {
		t.Errorf("a got it %d times", len(a.requests()))
	}
	v := r.f.List(Filter{State: "settled"})
	if len(v) != 1 || v[0].Backends[0].State != "rejected" || v[0].Backends[0].Status != 400 {
		t.Errorf("%+v", v)
	}
}

func TestNoneRejectsNothing(t *testing.T) {
	a, b := newFake(t, "a", script(400, 400, 201)), newFake(t, "b", script(400, 400, 201))
	r := rigOf(t, func(s *setup) { s.fanout.RejectUnanimous = false }, a, b)
	if got := r.dial().do(post("/", "x")); got.status != 201 {
		t.Errorf("%+v", got)
	}
	r.settled(1)
}

func TestARetryAfterLongerThanTheWaitReplacesItUpToTheCap(t *testing.T) {
	var seen times
	a := newFake(t, "a", func(r *fakeRequest) reaction {
		seen.note(r)
		if r.n == 0 {
			return reaction{raw: "HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"}
		}
		return reaction{}
	})
	r := rigOf(t, func(s *setup) {
		s.fanout.Policy = retry.Policy{Base: time.Millisecond, Max: 200 * time.Millisecond, Attempts: 5}
	}, a)
	if got := r.dial().do(post("/", "x")); got.status != 201 {
		t.Fatalf("%+v", got)
	}
	at := seen.of("x")
	if wait := at[1].Sub(at[0]); wait < 199*time.Millisecond || wait > 8*time.Second {
		t.Errorf("sent again after %v, want the cap, 200 ms", wait)
	}
}

func TestA2xxThatIsNoSuccessIsRetriedAndNamesTheFlag(t *testing.T) {
	var log lockedBuffer
	a := newFake(t, "a", script(200, 200, 200, 201))
	r := rigOf(t, func(s *setup) { s.fanout.Log = log.logger() }, a)
	if got := r.dial().do(post("/", "x")); got.status != 201 {
		t.Fatalf("%+v", got)
	}
	if n := strings.Count(log.String(), "--success-status"); n != 1 {
		t.Errorf("%d warnings, want one that stands for all: %s", n, log.String())
	}
}

// A server that closes an idle connection may say 408 just as a write comes (RFC 9110 §15.5.9): that is
// no answer to it. Whoever sent it, the client's goroutine or, what is longer, a leg.
func TestA408OfATiredConnectionIsNoAttempt(t *testing.T) {
	for name, size := range map[string]int{"inline": 1, "in legs": maxInline + 1} {
		t.Run(name, func(t *testing.T) {
			a := newFake(t, "a", func(q *fakeRequest) reaction {
				if q.n == 1 {
					return reaction{raw: "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", close: true}
				}
				return reaction{}
			})
			r := rigOf(t, func(s *setup) { s.fanout.Policy = retry.Policy{Base: time.Hour, Max: time.Hour, Attempts: 2} }, a)
			c := r.dial()
			for _, body := range []string{"x", strings.Repeat("x", size)} {
				if got := c.do(post("/", body)); got.status != 201 {
					t.Errorf("%+v", got)
				}
			}
			r.settled(2)
			if n := len(a.requests()); n != 3 {
				t.Errorf("it was sent %d requests, want 3", n)
			}
			page := scrapeOf(r)
			for _, want := range []string{
				fmt.Sprintf("target_domain_failed_counter_total{domain=%q} 0", a.addr),
				fmt.Sprintf(`tutti_backend_requests_total{backend=%q,code="201"} 2`, a.addr),
				fmt.Sprintf(`tutti_backend_requests_total{backend=%q,code="error"} 0`, a.addr),
			} {
				if !strings.Contains(page, want+"\n") {
					t.Errorf("no %s", want)
				}
			}
		})
	}
}
