package fanout

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/retry"
)

// A backend that is down must not cost a connection attempt per waiting write; when it is
// back it gets what it is owed in order, at a pace it can take.
func TestABackendThatReturnsGetsItsBacklogInOrderAtABoundedPace(t *testing.T) {
	const n = 400
	var mu sync.Mutex
	busy, most := 0, 0
	good := newFake(t, "good", nil)
	back := newFake(t, "back", func(*fakeRequest) reaction {
		mu.Lock()
		busy++
		most = max(most, busy)
		mu.Unlock()
		c := make(chan struct{})
		time.AfterFunc(2*time.Millisecond, func() { close(c) })
		<-c
		mu.Lock()
		busy--
		mu.Unlock()
		return reaction{}
	})
	back.down()
	r := rigOf(t, func(s *setup) {
		s.fanout.Ack = 1
		s.fanout.Policy = retry.Policy{Base: 20 * time.Millisecond, Max: 100 * time.Millisecond, Jitter: time.Millisecond, Attempts: 50}
		s.backend.EjectFor = 20 * time.Millisecond
	}, good, back)
	c := r.dial()
	for i := range n {
		if got := c.do(post("/", fmt.Sprintf("%04d", i))); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	if s := r.f.Snapshot(); s.Pending != n || s.Backends[1].Owed != n || s.Backends[1].OldestSeconds <= 0 {
		t.Errorf("while it is down: %+v", s)
	}
	// Only the first was tried, and more than once; the others have spent nothing.
	eventually(t, "the first is tried again", func() bool { return r.f.List(Filter{Backend: back.addr, Limit: 1})[0].Backends[1].Attempts >= 4 })
	tried := 0
	for _, v := range r.f.List(Filter{Backend: back.addr, Limit: 1000}) {
		if v.Backends[1].Attempts > 0 {
			tried++
		}
	}
	if tried > 20 {
		t.Errorf("%d of %d were tried while it was down", tried, n)
	}
	back.up()
	r.settled(n)

	// In order but for what is sent at the same time.
	var got []string
	for _, q := range back.requests() {
		got = append(got, q.body)
	}
	if len(got) != n {
		t.Fatalf("it got %d writes, want %d", len(got), n)
	}
	for i, body := range got {
		var at int
		fmt.Sscanf(body, "%d", &at)
		if at < i-2*maxSenders || at > i+2*maxSenders {
			t.Errorf("%s came as number %d", body, i)
		}
	}
	// A warm-up: at first one at a time.
	if !slices.IsSorted(got[:2]) || got[0] != "0000" {
		t.Errorf("it began with %v", got[:3])
	}
	mu.Lock()
	defer mu.Unlock()
	if most > maxSenders || back.mostConns() > maxSenders {
		t.Errorf("%d writes at once over %d connections, want at most %d", most, back.mostConns(), maxSenders)
	}
	t.Logf("%d at once, %d connections", most, back.mostConns())
}

func TestWhatWasParkedWhileABackendWasUnreachableIsTakenUpWhenItReturns(t *testing.T) {
	good, back := newFake(t, "good", nil), newFake(t, "back", nil)
	back.down()
	r := rigOf(t, func(s *setup) {
		s.fanout.Ack, s.fanout.Policy.Attempts, s.fanout.Policy.Base, s.fanout.Policy.Max = 1, 2, time.Millisecond, 5*time.Millisecond
		s.backend.EjectFor = 10 * time.Millisecond
	}, good, back)
	c := r.dial()
	const n = 5
	for i := range n {
		c.do(post("/", fmt.Sprint(i)))
	}
	eventually(t, "all parked", func() bool { return r.f.Snapshot().Parked == n })
	// Nobody sends anything more; it has to be noticed that it is back.
	back.up()
	r.settled(n)
	var got []string
	for _, q := range back.requests() {
		got = append(got, q.body)
	}
	if got[0] != "0" || len(got) != n {
		t.Errorf("it got %v", got)
	}
}

func TestWhatABackendAnsweredIsNotTakenUpAgainByItself(t *testing.T) {
	good, bad := newFake(t, "good", nil), newFake(t, "bad", script(500))
	r := rigOf(t, func(s *setup) { s.fanout.Ack, s.fanout.Policy.Attempts = 1, 2 }, good, bad)
	c := r.dial()
	c.do(post("/", "x"))
	eventually(t, "parked", func() bool { return r.f.Snapshot().Parked == 1 })
	bad.down()
	c.do(post("/", "y"))
	eventually(t, "y parked", func() bool { return r.f.Snapshot().Parked == 2 })
	bad.behave(script(201))
	bad.up()
	eventually(t, "y delivered", func() bool { return r.f.Snapshot().Settled == 1 })
	if s := r.f.Snapshot(); s.Parked != 1 {
		t.Errorf("%+v", s)
	}
	if v := r.f.List(Filter{State: "parked"}); len(v) != 1 || v[0].Sequence != 1 {
		t.Errorf("%+v", v)
	}
}

// With one backend hanging and --ack=one nobody waits, and its connections are bounded.
func TestAHangingBackendHoldsUpNobody(t *testing.T) {
	never := make(chan struct{})
	good, hung := newFake(t, "good", nil), newFake(t, "hung", hangUntil(never))
	r := rigOf(t, func(s *setup) {
		s.fanout.Ack, s.fanout.AckEarliest = 1, true
		s.backend.MaxConns, s.backend.ResponseTimeout = 8, time.Minute
	}, hung, good)
	c := r.dial()
	for i := range 200 {
		start := time.Now()
		if got := c.do(post("/", fmt.Sprint(i))); got.status != 201 || got.header.Get("X-From") != "good" {
			t.Fatalf("%+v", got)
		}
		if took := time.Since(start); took > 30*time.Second { // it is given up after a minute
			t.Errorf("write %d took %v", i, took)
		}
	}
	if n := hung.mostConns(); n > 4 {
		t.Errorf("writes hold %d of 8 connections", n)
	}
	// What found no connection has spent no attempt.
	spent := 0
	for _, v := range r.f.List(Filter{Backend: hung.addr, Limit: 1000}) {
		spent += v.Backends[0].Attempts
	}
	if spent > 20 {
		t.Errorf("%d attempts were spent on %d connections", spent, 4)
	}
}

// A connection that the backend has just closed is no failure and costs no attempt.
func TestAStaleConnectionCostsNothing(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	r := rigOf(t, func(s *setup) { s.fanout.Policy.Base, s.fanout.Policy.Max = time.Minute, time.Minute }, a, b)
	c := r.dial()
	for i := range 10 {
		if got := c.do(post("/", fmt.Sprint(i))); got.status != 201 {
			t.Fatalf("%+v", got)
		}
		a.cut()
		b.cut()
	}
	r.settled(10)
	var page strings.Builder
	r.m.WritePrometheus(&page)
	if !strings.Contains(page.String(), fmt.Sprintf("target_domain_failed_counter_total{domain=%q} 0\n", a.addr)) {
		t.Error("a stale connection was counted as a failed attempt")
	}
}

// What backends have said before they are asked is nobody's answer, whichever of them it was.
func TestWhatIsSaidUnaskedIsNoWritesAnswer(t *testing.T) {
	a, b, c := newFake(t, "a", nil), newFake(t, "b", nil), newFake(t, "c", nil)
	r := rigOf(t, func(s *setup) { s.fanout.Policy.Base, s.fanout.Policy.Max = time.Minute, time.Minute }, a, b, c)
	client := r.dial()
	n := 0
	for _, talking := range [][]*fake{{a}, {b}, {c}, {a, c}, {a, b, c}} {
		for _, unasked := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "H"} {
			for _, x := range talking {
				x.say(unasked)
			}
			n++
			if got := client.do(post("/", fmt.Sprint(n))); got.status != 201 || strings.Contains(got.body, "EVIL") {
				t.Fatalf("after %q: %+v", unasked, got)
			}
		}
	}
	r.settled(uint64(n))
	for _, x := range []*fake{a, b, c} {
		if got := len(x.requests()); got != n {
			t.Errorf("%s got %d requests for %d writes", x.name, got, n)
		}
	}
}

func TestAConnectionClosedInsteadOfAnAnswerIsRepeatedOnceOnAFreshOne(t *testing.T) {
	var cutting sync.Map
	a := newFake(t, "a", func(q *fakeRequest) reaction {
		if _, again := cutting.LoadOrStore(q.body, true); !again && q.n > 0 {
			return reaction{close: true}
		}
		return reaction{}
	})
	b := newFake(t, "b", nil)
	r := rigOf(t, func(s *setup) { s.fanout.Policy.Base, s.fanout.Policy.Max = time.Minute, time.Minute }, a, b)
	c := r.dial()
	for i := range 5 {
		if got := c.do(post("/", fmt.Sprint(i))); got.status != 201 || got.header.Get("X-From") != "a" {
			t.Fatalf("%d: %+v", i, got)
		}
	}
	r.settled(5)
	keys := map[string]int{}
	for _, q := range a.requests() {
		keys[q.key()]++
	}
	if len(keys) != 5 {
		t.Errorf("a repeat has another Idempotency-Key: %v", keys)
	}
}

// Writes that find no free connection wait for one to be free, not for a time.
func TestWritesFlowWhenConnectionsAreScarce(t *testing.T) {
	const clients, each = 16, 100
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	r := rigOf(t, func(s *setup) { s.backend.MaxConns = 4 }, a, b)
	start := time.Now()
	var running sync.WaitGroup
	for range clients {
		c := r.dial()
		running.Go(func() {
			for range each {
				if _, err := c.c.Write([]byte(post("/", "x"))); err != nil {
					t.Error(err)
					return
				}
				if got, err := c.read("POST"); err != nil || got.status != 201 {
					t.Errorf("%+v, %v", got, err)
					return
				}
			}
		})
	}
	running.Wait()
	took := time.Since(start)
	t.Logf("%.0f writes/s", clients*each/took.Seconds())
	if took > 30*time.Second {
		t.Errorf("%d writes took %v", clients*each, took)
	}
	if n := max(a.mostConns(), b.mostConns()); n > 2 {
		t.Errorf("writes hold %d of 4 connections", n)
	}
	r.settled(clients * each)
}
