package fanout

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tutti/backend"
	"tutti/journal/memory"
)

// kept is a rig whose writes lie in store.
func kept(t *testing.T, store *memory.Store, change func(*setup), fakes ...*fake) *rig {
	t.Helper()
	var addrs []string
	for _, b := range fakes {
		addrs = append(addrs, b.addr)
	}
	j, err := store.Open(memory.Options{Backends: addrs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // after the rig's end
	return rigOf(t, func(s *setup) {
		s.fanout.Journal = j
		s.fanout.MaxPending = 80 // 10 deliveries owed a backend are in memory
		if change != nil {
			change(s)
		}
	}, fakes...)
}

// reopen ends r and is one over the same journal.
func reopen(t *testing.T, r *rig, store *memory.Store, change func(*setup), fakes ...*fake) *rig {
	t.Helper()
	r.stop()
	if err := r.f.o.Journal.Close(); err != nil {
		t.Fatal(err)
	}
	return kept(t, store, change, fakes...)
}

func TestWhatAHeldBackendIsOwedLiesInTheJournalAndFlowsInOrder(t *testing.T) {
	const n = 60
	var store memory.Store
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	ordered := func(s *setup) { s.fanout.OrderBy, _ = ParseOrderBy("all") }
	r := kept(t, &store, ordered, a, b)
	r.group.All()[1].Hold()
	if err := r.f.Remember(1, backend.ModeHeld); err != nil {
		t.Fatal(err)
	}
	c := r.dial()
	for i := range n {
		if got := c.do(post("/", fmt.Sprintf("%02d", i))); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	eventually(t, "most of it is on disk alone", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.writes <= 20
	})
	r = reopen(t, r, &store, ordered, a, b)
	held := r.group.All()[1]
	if !held.Held() || r.f.Snapshot().Backends[1].Owed != n || held.Stats().Lacks != n {
		t.Fatalf("held is %v, %+v", held.Held(), r.f.Snapshot())
	}
	if got := b.requests(); len(got) != 0 {
		t.Fatalf("it was sent %d", len(got))
	}
	held.Resume()
	r.settled(n)
	if got := bodies(b); len(got) != n || !slices.IsSorted(got) {
		t.Errorf("it got %v", got)
	}
}

func TestForgetDropsWhatIsInTheJournalAloneAndForGood(t *testing.T) {
	const n, parkedN = 60, 5
	var store memory.Store
	a, b := newFake(t, "a", nil), newFake(t, "b", script(500))
	change := func(s *setup) { s.fanout.Ack, s.fanout.Policy.Attempts = 1, 1 }
	r := kept(t, &store, change, a, b)
	c := r.dial()
	for range parkedN {
		c.do(post("/", "parked"))
	}
	eventually(t, "parked", func() bool { return r.f.Snapshot().Backends[1].Parked == parkedN })
	r.group.All()[1].Hold()
	for range n {
		if got := c.do(post("/", "x")); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	eventually(t, "a has them", func() bool { return r.f.Snapshot().Backends[0].Owed == 0 })
	if got, err := r.f.Forget(b.addr); err != nil || got != (Forgotten{Dropped: n + parkedN}) {
		t.Errorf("%+v, %v", got, err)
	}
	r.settled(n + parkedN)
	r = reopen(t, r, &store, change, a, b)
	if s := r.f.Snapshot(); s.Accepted != 0 {
		t.Errorf("after a restart: %+v", s)
	}
	b.behave(script(201))
	before := len(b.requests())
	if got := r.dial().do(post("/", "y")); got.status != 201 {
		t.Errorf("%+v", got)
	}
	r.settled(1)
	if got := bodies(b)[before:]; !slices.Equal(got, []string{"y"}) {
		t.Errorf("it got %v", got)
	}
}

func TestWhatOperatorsWantedIsSoAfterARestart(t *testing.T) {
	var store memory.Store
	a, b, c := newFake(t, "a", nil), newFake(t, "b", nil), newFake(t, "c", nil)
	r := kept(t, &store, nil, a, b, c)
	for i, m := range []backend.Mode{backend.ModeHeld, backend.ModeDrained, backend.ModeHeld} {
		if err := r.f.Remember(i, m); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.f.Remember(2, backend.ModeServing); err != nil {
		t.Fatal(err)
	}
	r = reopen(t, r, &store, nil, a, b, c)
	all := r.group.All()
	for i, want := range []backend.State{backend.Held, backend.Drained, backend.Live} {
		if got, _ := all[i].State(); got != want {
			t.Errorf("backend %d is %s, want %s", i, got, want)
		}
	}
	if got := r.dial().do(post("/", "x")); got.status != 201 {
		t.Errorf("%+v", got)
	}
	if n := len(a.requests()); n != 0 {
		t.Errorf("the held one was sent %d", n)
	}
}

// A repeat is no new write: it gets its answer though every backend is held. And who waits for
// another's answer is looked at again when a backend is put on hold.
func TestARepeatGetsItsAnswerWhateverIsHeld(t *testing.T) {
	never := make(chan struct{})
	a, b := newFake(t, "a", nil), newFake(t, "b", hangUntil(never))
	r := rigOf(t, func(s *setup) { s.fanout.AckTimeout, s.backend.ResponseTimeout = time.Minute, time.Minute }, a, b)
	keyed := "POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nContent-Length: 1\r\n\r\nx"
	chunked := "POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
	first, second := r.dial(), r.dial()
	first.send(keyed)
	eventually(t, "both have it", func() bool { return len(a.requests()) == 1 && len(b.requests()) == 1 })
	second.send(chunked)
	eventually(t, "two wait", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.wanted == 2 && r.f.waiters.first != nil && r.f.waiters.first.news != nil && r.f.waiters.first.waiting
	})
	r.group.All()[1].Hold()
	for _, c := range []*client{first, second} {
		if got, err := c.read("POST"); err != nil || got.status != 201 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	r.group.All()[0].Hold()
	for _, raw := range []string{keyed, chunked} {
		if got := r.dial().do(raw); got.status != 201 {
			t.Errorf("a repeat: %+v", got)
		}
	}
	for _, raw := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: l\r\nContent-Length: 1\r\n\r\nx",
		"POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: l\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	} {
		if got := r.dial().do(raw); got.status != 503 {
			t.Errorf("a new one: %+v", got)
		}
	}
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	if r.f.waiters.first != nil {
		t.Error("somebody is waited for who has been answered")
	}
}

// The one whose request it was has been told 202; another asks to wait for the same write.
func TestARepeatThatWaitsIsAnsweredWhenTheRestSuffices(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", hangUntil(make(chan struct{})))
	r := rigOf(t, func(s *setup) { s.fanout.AckTimeout, s.backend.ResponseTimeout = time.Minute, time.Minute }, a, b)
	keyed := func(prefer string) string {
		return "POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nPrefer: " + prefer + "\r\nContent-Length: 1\r\n\r\nx"
	}
	if got := r.dial().do(keyed("respond-async")); got.status != 202 {
		t.Fatalf("%+v", got)
	}
	c := r.dial()
	c.send(keyed("wait=30"))
	eventually(t, "it waits", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.wanted == 1 && r.f.waiters.first != nil && r.deliverer(0).owed == 0
	})
	r.group.All()[1].Hold()
	if got, err := c.read("POST"); err != nil || got.status != 201 {
		t.Errorf("%+v, %v", got, err)
	}
}
