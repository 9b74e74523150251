package fanout

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestForgetDropsWhatWaitsAndWhatIsParkedAndNothingElse(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", script(500))
	r := rigOf(t, func(s *setup) { s.fanout.Policy.Attempts = 1 }, a, b)
	c := r.dial()
	if got := c.do(post("/", "parked")); got.status != 502 || r.f.Snapshot().Parked != 1 {
		t.Fatalf("%+v", got)
	}
	held := r.group.All()[1]
	held.Hold()
	const n = 700
	for range n {
		if got := c.do(post("/", "x")); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	id := r.f.List(Filter{Limit: 1})[0].ID
	if _, err := r.f.Forget("127.0.0.1:1"); !errors.Is(err, ErrNoBackend) {
		t.Errorf("%v", err)
	}
	if got, err := r.f.Forget(a.addr); err != nil || got != (Forgotten{}) {
		t.Errorf("a is owed nothing: %+v, %v", got, err)
	}
	if got, err := r.f.Forget(b.addr); err != nil || got != (Forgotten{Dropped: n + 1}) {
		t.Errorf("%+v, %v", got, err)
	}
	r.settled(n + 1)
	if v, ok := r.f.Lookup(id); !ok || v.State != "settled" || v.Backends[0].State != "delivered" || v.Backends[1].State != "dropped" {
		t.Errorf("%+v", v)
	}
	b.behave(script(201))
	held.Resume()
	if got := c.do(post("/", "y")); got.status != 201 {
		t.Errorf("%+v", got)
	}
	r.settled(n + 2)
	if got := bodies(b); len(got) != 2 || got[1] != "y" {
		t.Errorf("it got %v", got)
	}
}

func TestWhatIsBeingSentWhenABackendIsForgottenEndsByItsOwnOutcome(t *testing.T) {
	for _, code := range []int{201, 500} {
		release := make(chan struct{})
		a := newFake(t, "a", nil)
		b := newFake(t, "b", func(*fakeRequest) reaction { return reaction{hang: release, code: code} })
		r := rigOf(t, func(s *setup) { s.fanout.AckTimeout = 10 * time.Millisecond }, a, b)
		if got := r.dial().do(post("/", "x")); got.status != 202 {
			t.Fatalf("%+v", got)
		}
		id := r.f.List(Filter{})[0].ID
		eventually(t, "b has it", func() bool { return len(b.requests()) == 1 })
		if got, err := r.f.Forget(b.addr); err != nil || got != (Forgotten{Sending: 1}) {
			t.Errorf("%+v, %v", got, err)
		}
		close(release)
		r.settled(1)
		want := "delivered"
		if code != 201 {
			want = "dropped"
		}
		if v, _ := r.f.Lookup(id); v.Backends[1].State != want || len(b.requests()) != 1 {
			t.Errorf("%d: it was sent %d times, and is %+v", code, len(b.requests()), v)
		}
	}
}

func TestAClientThatWaitsForWhatIsForgottenIsAnswered(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	b.down()
	r := rigOf(t, func(s *setup) { s.fanout.AckTimeout = time.Hour }, a, b)
	c := r.dial()
	c.send(post("/", "x"))
	eventually(t, "it waits", func() bool { return r.f.Snapshot().Backends[1].Owed == 1 && r.f.Snapshot().Backends[0].Owed == 0 })
	answered := make(chan clientReply, 1)
	go func() {
		got, _ := c.read("POST")
		answered <- got
	}()
	var got clientReply
	eventually(t, "it is answered", func() bool { // it may be being tried just now
		_, _ = r.f.Forget(b.addr)
		select {
		case got = <-answered:
			return true
		default:
			return false
		}
	})
	if got.status != 502 {
		t.Errorf("%+v", got)
	}
	r.settled(1)
}

// A backlog of any length is dropped in steps, between which others get the lock.
func TestForgetGivesTheLockBackAfterEachChunk(t *testing.T) {
	const n = 3*forgetChunk + 10
	release := make(chan struct{})
	a, b := newFake(t, "a", nil), newFake(t, "b", hangUntil(release))
	r := rigOf(t, func(s *setup) { s.fanout.Ack = 1 }, a, b)
	c := r.dial()
	c.do(post("/", "being sent"))
	eventually(t, "b has it", func() bool { return len(b.requests()) == 1 })
	r.group.All()[1].Hold()
	for range n {
		c.do(post("/", "x"))
	}
	eventually(t, "a has them", func() bool { return r.f.Snapshot().Backends[0].Owed == 0 })
	var sum Forgotten
	steps := 0
	const until = n + 1
	for after, more := uint64(0), true; more; steps++ {
		c.do(post("/", "later"))
		before := sum.Dropped
		after, more, _ = r.f.forgetSome(r.deliverer(1), after, until, &sum)
		if got := sum.Dropped - before; got > forgetChunk {
			t.Fatalf("%d in one step", got)
		}
		if s := r.f.Snapshot(); s.Backends[1].Owed != until+steps+1-sum.Dropped {
			t.Fatalf("%+v after %+v", s, sum)
		}
	}
	if steps != 4 || sum != (Forgotten{Dropped: n, Sending: 1}) {
		t.Errorf("%+v in %d steps", sum, steps)
	}
	// What was accepted since is none of it.
	close(release)
	b.behave(script(201))
	r.group.All()[1].Resume()
	r.settled(until + 4)
	if got := bodies(b); len(got) != 5 || got[1] != "later" {
		t.Errorf("it got %v", got)
	}
}

// What is accepted after Forget was called is none of it.
func TestForgetWhileNewWritesComeLosesNoneOfThem(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	fs := &faults{rnd: rand.New(rand.NewPCG(seed, 1))}
	a, b := newFake(t, "a", nil), newFake(t, "b", fs.react)
	r := rigOf(t, func(s *setup) {
		s.fanout.Ack, s.fanout.Policy.Attempts = 1, 0
		s.fanout.OrderBy, _ = ParseOrderBy("path") // lines of which the middle is dropped
		s.backend.ResponseTimeout, s.backend.EjectFor = 80*time.Millisecond, 10*time.Millisecond
	}, a, b)
	stop := make(chan struct{})
	var others, clients sync.WaitGroup
	var dropped, sent atomic.Int64
	others.Go(func() { operators(r, rand.New(rand.NewPCG(seed, 2)), stop) })
	others.Go(func() { watchSums(r, stop) })
	for range 2 {
		others.Go(func() {
			for {
				got, err := r.f.Forget(b.addr)
				if err != nil {
					t.Error(err)
				}
				dropped.Add(int64(got.Dropped))
				sent.Add(int64(got.Sending))
				select {
				case <-stop:
					return
				case <-time.After(3 * time.Millisecond):
				}
			}
		})
	}
	const each, conns = 100, 8
	var accepted atomic.Int64
	for k := range conns {
		c := r.dial()
		clients.Go(func() {
			for i := range each {
				if _, err := c.c.Write([]byte(post(fmt.Sprint("/", i%3), fmt.Sprintf("%d/%d", k, i)))); err != nil {
					t.Error(err)
					return
				}
				got, err := c.read("POST")
				if err != nil {
					t.Error(err)
					return
				}
				if got.status != 503 {
					accepted.Add(1)
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	others.Wait()
	fs.off.Store(true)
	last := r.group.All()
	last[0].Resume()
	last[1].Resume()
	r.settled(uint64(accepted.Load()))
	b.mu.Lock()
	took := int64(len(b.took))
	b.mu.Unlock()
	t.Logf("%d accepted; b took %d; %d were dropped, and %d being sent", accepted.Load(), took, dropped.Load(), sent.Load())
	// What was being sent may have been delivered, dropped, or delivered in an attempt before.
	if missing := accepted.Load() - took; missing > dropped.Load()+sent.Load() {
		t.Errorf("%d are missing", missing)
	}
	// And nobody forgets any more.
	before := accepted.Load()
	c := r.dial()
	for range 50 {
		c.do(post("/", "after"))
	}
	r.settled(uint64(before) + 50)
	after := map[string]bool{}
	for _, q := range b.requests() {
		if q.body == "after" {
			after[q.key()] = true
		}
	}
	if len(after) != 50 {
		t.Errorf("it got %d of 50 writes after", len(after))
	}
}

func BenchmarkForget(b *testing.B) {
	one, two := newFake(b, "a", nil), newFake(b, "b", nil)
	r := rigOf(b, func(s *setup) { s.fanout.Ack, s.fanout.MaxPending = 1, 200_000 }, one, two)
	r.group.All()[1].Hold()
	c := r.dial()
	var longest time.Duration
	for b.Loop() {
		b.StopTimer()
		for range 10_000 {
			c.do(post("/", "x"))
		}
		b.StartTimer()
		for after, more := uint64(0), true; more; {
			var sum Forgotten
			start := time.Now()
			after, more, _ = r.f.forgetSome(r.deliverer(1), after, 1<<62, &sum)
			longest = max(longest, time.Since(start))
		}
	}
	b.ReportMetric(float64(longest.Microseconds()), "µs/lock-max")
}
