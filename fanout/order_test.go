package fanout

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// replica keeps the writes of each user in the order they were first applied. It fails at
// random: it refuses, resets, answers nothing having applied or not, or applies long after its
// client has given up.
type replica struct {
	b *fake

	mu      sync.Mutex
	rnd     *rand.Rand
	calm    bool
	seen    map[string]bool     // Idempotency-Keys
	history map[string][]uint64 // Tutti-Sequences, by user
	late    sync.WaitGroup
}

func newReplica(t *testing.T, seed uint64, i int) *replica {
	p := &replica{rnd: rand.New(rand.NewPCG(seed, uint64(i))), seen: map[string]bool{}, history: map[string][]uint64{}}
	p.b = newFake(t, fmt.Sprint(i), p.react)
	return p
}

func (p *replica) apply(r *fakeRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[r.key()] {
		return
	}
	p.seen[r.key()] = true
	sequence, _ := strconv.ParseUint(r.Header.Get("Tutti-Sequence"), 10, 64)
	user := r.Header.Get("X-User")
	p.history[user] = append(p.history[user], sequence)
}

func (p *replica) react(r *fakeRequest) reaction {
	p.mu.Lock()
	n, wait := p.rnd.IntN(100), time.Duration(p.rnd.IntN(1500))*time.Microsecond
	if p.calm {
		n, wait = 0, 0
	}
	p.mu.Unlock()
	switch {
	case n < 60:
		p.apply(r)
		return reaction{}
	case n < 68:
		return reaction{code: 500}
	case n < 71:
		return reaction{reset: true}
	case n < 74:
		p.apply(r)
		return reaction{close: true}
	case n < 75:
		p.apply(r)
		return reaction{hang: make(chan struct{})}
	case n < 77:
		p.late.Go(func() {
			<-time.After(30*time.Millisecond + 20*wait)
			p.apply(r)
		})
		return reaction{hang: make(chan struct{})}
	}
	done := make(chan struct{})
	p.late.Go(func() {
		<-time.After(wait)
		p.apply(r)
		close(done)
	})
	return reaction{hang: done}
}

// disorder runs writes of ten users through a Fanout before three replicas and tells for how
// many users the replicas differ. Nothing is parked.
func disorder(t *testing.T, seed uint64, writes int, orderBy string) (differ int) {
	t.Helper()
	o, err := ParseOrderBy(orderBy)
	if err != nil {
		t.Fatal(err)
	}
	var ps []*replica
	var fakes []*fake
	for i := range 3 {
		ps = append(ps, newReplica(t, seed, i))
		fakes = append(fakes, ps[i].b)
	}
	r := rigOf(t, func(s *setup) {
		s.fanout.OrderBy, s.fanout.Policy.Attempts, s.fanout.AckTimeout = o, 0, 100*time.Millisecond
		s.fanout.Policy.Base, s.fanout.Policy.Max, s.fanout.Policy.Jitter = time.Millisecond, 8*time.Millisecond, time.Millisecond
		s.backend.ResponseTimeout, s.backend.EjectFor = 25*time.Millisecond, 5*time.Millisecond
	}, fakes...)
	var clients sync.WaitGroup
	const conns = 40
	for k := range conns {
		c := r.dial()
		clients.Go(func() {
			for i := k; i < writes; i += conns {
				if _, err := fmt.Fprintf(c.c, "POST / HTTP/1.1\r\nHost: a.test\r\nX-User: user%d\r\nContent-Length: 0\r\n\r\n", i%10); err != nil {
					t.Error(err)
					return
				}
				if got, err := c.read("POST"); err != nil || got.status != 201 && got.status != 202 {
					t.Errorf("%+v, %v", got, err)
					return
				}
			}
		})
	}
	clients.Wait()
	deadline := time.Now().Add(time.Minute)
	for r.f.Snapshot().Settled < uint64(writes) && time.Now().Before(deadline) {
		<-time.After(5 * time.Millisecond)
	}
	r.settled(uint64(writes))
	r.stop()
	for _, p := range ps {
		p.b.down() // no request comes from here on
		p.late.Wait()
	}
	total := 0
	for user, first := range ps[0].history {
		total += len(first)
		for _, p := range ps[1:] {
			if !slices.Equal(first, p.history[user]) {
				differ++
				break
			}
		}
		if o.Given() && !slices.IsSorted(first) {
			t.Errorf("seed %d: %s's writes were applied as %v", seed, user, first)
		}
	}
	if total != writes {
		t.Errorf("seed %d: %d writes applied of %d", seed, total, writes)
	}
	if n := len(r.f.ledger.lanes.byKey); n != 0 {
		t.Errorf("%d lanes are left", n)
	}
	return differ
}

// With an order, nothing parked, the replicas agree on each key whatever fails and however
// late; without one they do not, or this test would not be strong enough.
func TestReplicasAgreeOnEachKeyWithAnOrderAndNotWithout(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	if n := disorder(t, seed, 2000, ""); n == 0 {
		t.Error("without an order all replicas agree")
	} else {
		t.Logf("without an order the replicas differ on %d of 10 users", n)
	}
	if n := disorder(t, seed, 2000, "header:x-user"); n != 0 {
		t.Errorf("seed %d: the replicas differ on %d users", seed, n)
	}
}

func TestPerKeyTheOrderOfFirstApplicationIsTheSameOnEveryBackend(t *testing.T) {
	writes := 100
	if os.Getenv("TUTTI_SOAK") != "" {
		writes = 2000
	}
	for seed := range uint64(50) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			if n := disorder(t, seed, writes, "header:x-user"); n != 0 {
				t.Errorf("seed %d: the replicas differ on %d users", seed, n)
			}
		})
	}
}

// One that hangs holds up its own key at its own backend alone.
func TestKeysDoNotWaitForEachOther(t *testing.T) {
	release := make(chan struct{})
	slow := newFake(t, "slow", func(r *fakeRequest) reaction {
		if r.Header.Get("X-User") == "a" && r.body == "first" {
			return reaction{hang: release}
		}
		return reaction{}
	})
	o, _ := ParseOrderBy("header:x-user")
	r := rigOf(t, func(s *setup) { s.fanout.OrderBy, s.backend.ResponseTimeout = o, time.Minute }, slow, newFake(t, "other", nil))
	c := r.dial()
	for _, step := range []struct {
		user, body, wait string
		want             int
	}{{"a", "first", "0", 202}, {"a", "second", "0", 202}, {"b", "first", "60", 201}, {"a", "third", "0", 202}} {
		got := c.do(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nX-User: %s\r\nPrefer: wait=%s\r\nContent-Length: %d\r\n\r\n%s",
			step.user, step.wait, len(step.body), step.body))
		if got.status != step.want {
			t.Errorf("%s %s: %d, want %d", step.user, step.body, got.status, step.want)
		}
	}
	eventually(t, "the slow one has got two", func() bool { return len(slow.requests()) >= 2 })
	if n := len(slow.requests()); n != 2 {
		t.Errorf("the slow one has got %d requests, want 2", n)
	}
	if c.do(post("/", "unkeyed")).status != 201 {
		t.Error("a write without a key waits")
	}
	if s := r.f.Snapshot(); s.Unkeyed != 1 || s.Accepted != 5 {
		t.Errorf("%d unkeyed of %d", s.Unkeyed, s.Accepted)
	}
	close(release)
	r.settled(5)
	var got []string
	for _, q := range slow.requests() {
		if q.Header.Get("X-User") == "a" {
			got = append(got, q.body)
		}
	}
	if !slices.Equal(got, []string{"first", "second", "third"}) {
		t.Errorf("sent as %q", got)
	}
}

func TestARetryOfAnOvertakenWriteIsAConflictUnlessForced(t *testing.T) {
	broken := newFake(t, "broken", func(r *fakeRequest) reaction {
		if r.body == "first" && r.n < 2 {
			return reaction{code: 500}
		}
		return reaction{}
	})
	r := rigOf(t, func(s *setup) {
		s.fanout.OrderBy, _ = ParseOrderBy("all")
		s.fanout.Policy.Attempts = 2
	}, broken, newFake(t, "other", nil))
	c := r.dial()
	if got := c.do(post("/", "first")); got.status != 502 {
		t.Fatalf("%+v", got)
	}
	parked := r.f.List(Filter{State: "parked"})
	if len(parked) != 1 {
		t.Fatalf("%+v", parked)
	}
	if got := c.do(post("/", "second")); got.status != 201 { // a parked one is in nobody's way
		t.Fatalf("%+v", got)
	}
	if err := r.f.Retry(parked[0].ID, false); !errors.Is(err, ErrOvertaken) {
		t.Errorf("Retry: %v", err)
	}
	if err := r.f.Retry(parked[0].ID, true); err != nil {
		t.Errorf("Retry by force: %v", err)
	}
	eventually(t, "settled", func() bool { return r.f.Snapshot().Settled == 2 })
}

// Parked since the backend could not be reached, taken up again in order when it is back: also
// before the one that found out that it is back.
func TestWhatWasParkedUnreachedGoesBeforeItsSuccessorsInTheKey(t *testing.T) {
	gone, other := newFake(t, "gone", nil), newFake(t, "other", nil)
	r := rigOf(t, func(s *setup) {
		s.fanout.OrderBy, _ = ParseOrderBy("all")
		s.fanout.Policy.Attempts, s.fanout.Policy.Max, s.fanout.Ack = 2, 30*time.Millisecond, 1
	}, gone, other)
	gone.down()
	c := r.dial()
	for i := range 12 {
		if got := c.do(post("/", fmt.Sprint(i))); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	eventually(t, "some are parked, some not", func() bool { return r.f.Snapshot().Backends[0].Parked >= 2 })
	gone.up()
	eventually(t, "all settled", func() bool { return r.f.Snapshot().Settled == 12 })
	for i, q := range gone.requests() {
		if q.body != fmt.Sprint(i) {
			t.Errorf("the %d-th sent is %s", i, q.body)
		}
	}
}
