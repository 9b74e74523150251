package fanout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tutti/backend"
)

func TestAVerdictDoesNotWaitForHeldBackends(t *testing.T) {
	f := func(want verdict, need int, held uint64, states ...state) {
		t.Helper()
		ds := make([]delivery, len(states))
		for i, s := range states {
			ds[i].state, ds[i].status = s, 400
		}
		if got := decide(ds, need, held); got != want {
			t.Errorf("%d of %v, held %b: %v, want %v", need, states, held, got, want)
		}
	}
	// all: the others suffice
	f(acknowledged, 3, 0b100, delivered, delivered, waiting)
	f(acknowledged, 3, 0b100, delivered, delivered, sending)
	f(acknowledged, 3, 0b110, delivered, waiting, parked)
	f(undecided, 3, 0b100, delivered, sending, waiting)
	f(undecided, 3, 0b100, delivered, sending, delivered) // all the others, not as many
	f(acknowledged, 3, 0b100, delivered, delivered, delivered)
	// quorum: as many as ever, unless fewer are left
	f(undecided, 2, 0b100, delivered, sending, waiting)
	f(acknowledged, 2, 0b100, delivered, delivered, waiting)
	f(acknowledged, 2, 0b100, sending, delivered, delivered) // what a held one has counts
	f(acknowledged, 2, 0b110, delivered, waiting, waiting)
	f(acknowledged, 1, 0b001, waiting, delivered, sending)
	// it can't be met: nobody waits for what the held one is owed
	f(failed, 3, 0b100, delivered, parked, waiting)
	f(failed, 3, 0b100, rejected, rejected, waiting) // not refused by all: the held one may yet take it
	f(failed, 1, 0b100, dropped, parked, sending)
	f(refused, 3, 0b100, rejected, rejected, rejected)
	// all are held
	f(undecided, 2, 0b11, delivered, waiting)
	f(undecided, 2, 0b11, waiting, sending)
	f(acknowledged, 2, 0b11, delivered, delivered)
	f(failed, 2, 0b11, parked, delivered)
	f(refused, 1, 0b11, rejected, rejected)
}

func TestWithABackendHeldAVerdictIsThatOfTheOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "n")
		need := rapid.IntRange(1, n).Draw(t, "need")
		held := rapid.IntRange(0, n-1).Draw(t, "held")
		ds := make([]delivery, n)
		for i := range ds {
			ds[i].state = state(rapid.IntRange(int(sending), int(dropped)).Draw(t, "state"))
			ds[i].status = 400
		}
		ds[held].state = rapid.SampledFrom([]state{sending, waiting, parked}).Draw(t, "of the held one")
		others := slices.Delete(slices.Clone(ds), held, held+1)
		want := decide(others, min(need, len(others)), 0)
		if want == refused {
			want = failed
		}
		if got := decide(ds, need, 1<<held); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestHeldBackendsThatWereNotAskedHaveNoSayInUnanimity(t *testing.T) {
	ask := func(firsts ...int) []delivery { // -1: waiting for its first attempt, -2: in it
		ds := make([]delivery, len(firsts))
		for i, s := range firsts {
			ds[i] = delivery{firstEnded: s >= 0, firstStatus: max(s, 0), state: waiting}
			if s == -2 {
				ds[i].state = sending
			}
		}
		return ds
	}
	f := func(want int, held uint64, firsts ...int) {
		t.Helper()
		if got := unanimity(ask(firsts...), held); got != want {
			t.Errorf("%v, held %b: %d, want %d", firsts, held, got, want)
		}
	}
	f(404, 0b100, 404, 404, -1)
	f(404, 0b001, -1, 404, 404)
	f(404, 0b101, -1, 404, -1)
	f(404, 0b100, 404, 404, 404)
	f(0, 0b100, 404, 404, -2)
	f(0, 0b100, 404, 404, 201)
	f(0, 0b100, 404, 400, -1)
	f(0, 0b010, 404, 404, -1)
	f(0, 0b111, -1, -1, -1)
	f(0, 0b100, 201, 201, -1)

	// One that has it, though nothing is known of how: after a restart.
	ds := ask(404, 404, -1)
	ds[2].state = delivered
	if got := unanimity(ds, 0b100); got != 0 {
		t.Errorf("delivered: %d", got)
	}
}

func TestNothingBeginsInAHeldQueueAndItGoesOnFromOne(t *testing.T) {
	q := newQueue()
	ds := make([]*delivery, 4)
	for i := range ds {
		ds[i] = &delivery{w: &write{seq: uint64(i + 1)}}
	}
	q.add(ds[2])
	q.add(ds[1])
	q.addAt(ds[0], 40)
	q.hold(true)
	if q.open(true) || q.next(0, true) != nil || q.may(0, true) {
		t.Error("something begins")
	}
	if at := q.wake(0, true); at != 40 {
		t.Errorf("it looks again at %d", at)
	}
	if q.next(50, true) != nil || q.wake(50, true) != 0 {
		t.Error("something begins when its time has come")
	}
	q.hold(false)
	if d := q.next(50, true); d != ds[0] {
		t.Error("not in order: what waited is not the first again")
	} else if q.sending++; q.next(50, true) != nil {
		t.Error("two begin at once")
	}
	q.hold(true)
	q.grow() // what was being sent has succeeded
	q.hold(false)
	if q.sending = 1; q.may(50, true) && q.senders > 0 {
		t.Error("after a short hold it goes on as before")
	}
}

// deliverer returns what t's backend i is to the Fanout.
func (r *rig) deliverer(i int) *deliverer { return r.f.deliverers[i] }

// underway tells how many deliveries to backend i are being sent and how many are queued.
func (r *rig) underway(i int) (sending, queued int) {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	q := &r.deliverer(i).queue
	return q.sending, q.ready.len() + q.waiting.len()
}

func bodies(b *fake) []string {
	var all []string
	for _, q := range b.requests() {
		all = append(all, q.body)
	}
	return all
}

func TestAHeldBackendIsOwedWritesAndSentNoneUntilItIsResumed(t *testing.T) {
	for _, end := range []string{"resume", "drain"} {
		t.Run(end, func(t *testing.T) {
			const n = 40
			a, b := newFake(t, "a", nil), newFake(t, "b", nil)
			r := rigOf(t, nil, a, b)
			held := r.group.All()[1]
			held.Hold()
			c := r.dial()
			for i := range n {
				if got := c.do(post("/", fmt.Sprintf("%02d", i))); got.status != 201 || got.header.Get("X-From") != "a" {
					t.Fatalf("the others do not suffice: %+v", got)
				}
			}
			if s := r.f.Snapshot(); s.Pending != n || s.Backends[1].Owed != n || held.Stats().Lacks != n {
				t.Errorf("while it is held: %+v, it lacks %d", s, held.Stats().Lacks)
			}
			for _, v := range r.f.List(Filter{Backend: b.addr, Limit: n}) {
				if d := v.Backends[1]; d.State != "waiting" || d.Attempts != 0 || d.NextAttempt != nil {
					t.Fatalf("%+v", d)
				}
			}
			if got := b.requests(); len(got) != 0 {
				t.Fatalf("it was sent %d", len(got))
			}
			// Gently: one at first, more with each success.
			release := make(chan struct{})
			b.behave(hangUntil(release))
			if end == "resume" {
				held.Resume()
			} else {
				held.Drain()
			}
			eventually(t, "one is sent", func() bool {
				sending, queued := r.underway(1)
				if sending > 1 {
					t.Fatalf("%d at once", sending)
				}
				return sending == 1 && queued == n-1 && len(b.requests()) == 1
			})
			close(release)
			r.settled(n)
			got := bodies(b)
			if len(got) != n || got[0] != "00" {
				t.Errorf("it got %v", got)
			}
		})
	}
}

// What is being sent when a backend is put on hold ends by its own outcome; then there is nothing more.
func TestWhatIsBeingSentWhenABackendIsHeldEndsByItsOwnOutcome(t *testing.T) {
	for name, tc := range map[string]struct {
		code  int
		state string
	}{"delivered": {201, "delivered"}, "failed": {500, "waiting"}} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			a := newFake(t, "a", nil)
			b := newFake(t, "b", func(*fakeRequest) reaction { return reaction{hang: release, code: tc.code} })
			r := rigOf(t, nil, a, b)
			c := r.dial()
			c.send(post("/", "x"))
			eventually(t, "both have it", func() bool { return len(a.requests()) == 1 && len(b.requests()) == 1 })
			eventually(t, "the client waits", func() bool {
				r.f.mu.Lock()
				defer r.f.mu.Unlock()
				return r.f.waiters.first != nil
			})
			r.group.All()[1].Hold()
			// The client is answered at once, though the held one hangs.
			if got, err := c.read("POST"); err != nil || got.status != 201 || got.header.Get("X-From") != "a" {
				t.Fatalf("%+v, %v", got, err)
			}
			v := r.f.List(Filter{})[0]
			if v.Backends[1].State != "sending" {
				t.Errorf("it was cut: %+v", v)
			}
			close(release)
			eventually(t, "it ends by its outcome", func() bool {
				sending, _ := r.underway(1)
				return sending == 0
			})
			if tc.state == "delivered" {
				r.settled(1)
				return
			}
			// Its wait is over soon, and it is queued, and that is all.
			eventually(t, "its time has come", func() bool {
				r.f.mu.Lock()
				defer r.f.mu.Unlock()
				return r.deliverer(1).queue.ready.len() == 1
			})
			r.f.begin(r.deliverer(1), 1<<62)
			if d := r.f.List(Filter{})[0].Backends[1]; d.State != "waiting" || d.Attempts != 1 || d.Status != 500 {
				t.Errorf("%+v", d)
			}
			if n := len(b.requests()); n != 1 {
				t.Errorf("it was sent %d times", n)
			}
			b.behave(script(201))
			r.group.All()[1].Resume()
			r.settled(1)
		})
	}
}

func TestWithEveryBackendHeldWritesAreRefusedBeforeAnythingIsForwarded(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	r := rigOf(t, nil, a, b)
	for _, b := range r.group.All() {
		b.Hold()
	}
	for _, raw := range []string{
		post("/", "x"),
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	} {
		got := r.dial().do(raw)
		if got.status != 503 || got.header.Get("Retry-After") == "" ||
			!strings.Contains(got.header.Get("Proxy-Status"), "error=destination_unavailable") {
			t.Errorf("%+v", got)
		}
	}
	if s := r.f.Snapshot(); s.Accepted != 0 || s.PendingBytes != 0 {
		t.Errorf("%+v", s)
	}
	if page := scrapeOf(r); !strings.Contains(page, `tutti_refused_writes_total{reason="held"} 2`) {
		t.Error("they were not counted")
	}
	// One that is held while its body arrives, as the last.
	r.group.All()[0].Resume()
	c := r.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
	eventually(t, "admitted", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.arriving == 1
	})
	r.group.All()[0].Hold()
	c.send("0\r\n\r\n")
	if got, err := c.read("POST"); err != nil || got.status != 503 {
		t.Errorf("%+v, %v", got, err)
	}
	// Drained ones take writes.
	r.group.All()[0].Drain()
	if got := r.dial().do(post("/", "y")); got.status != 201 {
		t.Errorf("%+v", got)
	}
	r.group.All()[1].Drain()
	r.settled(1)
	if len(a.requests()) != 1 || len(b.requests()) != 1 {
		t.Error("what was refused was forwarded")
	}
}

// Resumed while it is down it is one that is down: only the first is tried.
func TestABackendResumedWhileItIsDownGetsItsBacklogWhenItIsBack(t *testing.T) {
	const n = 30
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	r := rigOf(t, func(s *setup) { s.backend.EjectFor = 20 * time.Millisecond }, a, b)
	held := r.group.All()[1]
	held.Hold()
	b.down()
	c := r.dial()
	for i := range n {
		if got := c.do(post("/", fmt.Sprintf("%02d", i))); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	held.Resume()
	var tried []View
	eventually(t, "the first is tried twice", func() bool {
		tried = slices.DeleteFunc(r.f.List(Filter{}), func(v View) bool { return v.Backends[1].Attempts == 0 })
		return len(tried) > 0 && tried[0].Backends[1].Attempts > 1
	})
	if len(tried) > 2 { // the one after an ejection's end may be another
		t.Errorf("%d were tried while it was down", len(tried))
	}
	b.up()
	r.settled(n)
	if got := bodies(b); got[0] != "00" || len(got) != n {
		t.Errorf("it got %v", got)
	}
}

// Nobody asks a held backend whether it is back, for the sake of what is parked.
func TestAHeldBackendIsNotProbed(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	b.down()
	r := rigOf(t, func(s *setup) {
		s.fanout.Ack, s.fanout.Policy.Attempts, s.fanout.Policy.Base, s.fanout.Policy.Max = 1, 2, time.Millisecond, time.Millisecond
		s.backend.EjectFor = 10 * time.Millisecond
	}, a, b)
	r.dial().do(post("/", "x"))
	eventually(t, "parked", func() bool { return r.f.Snapshot().Parked == 1 })
	r.group.All()[1].Hold()
	eventually(t, "a probe that was begun has ended", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return !r.deliverer(1).probing
	})
	if at := r.f.begin(r.deliverer(1), 1<<62); at != 0 {
		t.Errorf("it looks again at %d", at)
	}
	r.f.mu.Lock()
	probing := r.deliverer(1).probing
	r.f.mu.Unlock()
	if probing {
		t.Error("it is probed")
	}
	b.up()
	r.group.All()[1].Resume()
	r.settled(1)
}

func TestARequestAtFaultIsRefusedAlsoWhileABackendIsHeld(t *testing.T) {
	for _, when := range []string{"before", "meanwhile"} {
		t.Run(when, func(t *testing.T) {
			a, b, c := newFake(t, "a", script(404)), newFake(t, "b", script(404)), newFake(t, "c", script(404))
			if when == "meanwhile" {
				c.down() // whose first attempt has not ended: it waits for its turn behind another
			}
			r := rigOf(t, func(s *setup) {
				s.fanout.Policy.Base, s.fanout.Policy.Max = time.Hour, time.Hour
				s.backend.EjectAfter, s.backend.EjectFor = 1, time.Hour
			}, a, b, c)
			last := r.group.All()[2]
			if when == "meanwhile" {
				if _, err := last.Acquire(backend.ForWrite, 0); err == nil {
					t.Fatal("it is not down")
				}
				r.f.mu.Lock()
				r.deliverer(2).queue.gate = 1 << 62 // not tried before
				r.f.mu.Unlock()
			} else {
				last.Hold()
			}
			client := r.dial()
			client.send(post("/", "x"))
			if when == "meanwhile" {
				eventually(t, "the others have refused it", func() bool {
					v := r.f.List(Filter{})
					return len(v) == 1 && v[0].Backends[0].Attempts == 1 && v[0].Backends[1].Attempts == 1
				})
				last.Hold()
			}
			if got, err := client.read("POST"); err != nil || got.status != 404 {
				t.Fatalf("%+v, %v", got, err)
			}
			r.settled(1)
			if n := len(c.requests()); n != 0 {
				t.Errorf("the held one was sent %d", n)
			}
		})
	}
}

func TestABackendCanBeHeldFromTheStart(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	r := rigOf(t, func(s *setup) { s.held = []int{0} }, a, b)
	if got := r.dial().do(post("/", "x")); got.status != 201 || got.header.Get("X-From") != "b" {
		t.Errorf("%+v", got)
	}
	if len(a.requests()) != 0 || r.f.Snapshot().Backends[0].Owed != 1 {
		t.Error("it was not held")
	}
	r.group.All()[0].Resume()
	r.settled(1)
}

// A stop does not wait for what will not be sent.
func TestADrainDoesNotWaitForWhatHeldBackendsAreOwed(t *testing.T) {
	release := make(chan struct{})
	a, b, c := newFake(t, "a", hangUntil(release)), newFake(t, "b", hangUntil(release)), newFake(t, "c", nil)
	r := rigOf(t, func(s *setup) { s.fanout.Ack = 1 }, a, b, c)
	r.group.All()[2].Hold()
	r.dial().send(post("/", "x"))
	eventually(t, "both have it", func() bool { return len(a.requests()) == 1 && len(b.requests()) == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- r.f.Drain(ctx) }()
	r.group.All()[1].Hold() // which still sends
	select {
	case err := <-drained:
		t.Fatalf("drained while two are sending: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	if s := r.f.Snapshot(); s.Pending != 1 || s.Backends[2].Owed != 1 {
		t.Errorf("%+v", s)
	}
	r.stop()
}

// The writes of a key flow in order after a hold, also those that had failed before it.
func TestTheWritesOfAKeyStayInOrderOverAHold(t *testing.T) {
	const n, keys = 60, 3
	fail := atomic.Bool{}
	a := newFake(t, "a", nil)
	b := newFake(t, "b", func(*fakeRequest) reaction {
		if fail.Load() {
			return reaction{code: 500}
		}
		return reaction{}
	})
	r := rigOf(t, func(s *setup) {
		s.fanout.Ack, s.fanout.AckEarliest = 1, true
		s.fanout.OrderBy, _ = ParseOrderBy("path")
	}, a, b)
	c := r.dial()
	held := r.group.All()[1]
	for i := range n {
		fail.Store(i >= 5 && i < 15)
		switch i {
		case 10, 30, 50:
			held.Hold()
		case 20, 40:
			held.Resume()
		}
		if got := c.do(post(fmt.Sprint("/", i%keys), fmt.Sprintf("%02d", i))); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	held.Resume()
	r.settled(n)
	for _, f := range []*fake{a, b} {
		last := map[string]string{}
		for _, q := range f.requests() {
			if q.body < last[q.URL.Path] {
				t.Errorf("%s got %s after %s of the same key", f.name, q.body, last[q.URL.Path])
			}
			last[q.URL.Path] = q.body
		}
	}
}

// operators put backends on hold, drain and resume them, until stop is closed.
func operators(r *rig, rnd *rand.Rand, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rnd.IntN(3000)) * time.Microsecond):
		}
		b := r.group.All()[rnd.IntN(len(r.group.All()))]
		switch rnd.IntN(5) {
		case 0, 1:
			b.Hold()
		case 2:
			b.Drain()
		default:
			b.Resume()
		}
	}
}

// Whatever operators do in between: the sums hold, a client gets an answer, and in the end each
// backend has each write that was accepted.
func TestTheSumsHoldAndNothingIsLostWhateverIsHeldUnderRandomFaults(t *testing.T) {
	for _, ack := range []string{"all", "quorum", "one"} {
		t.Run(ack, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			var fs []*faults
			var fakes []*fake
			for i := range 3 {
				f := &faults{rnd: rand.New(rand.NewPCG(seed, uint64(i)))}
				fs = append(fs, f)
				fakes = append(fakes, newFake(t, fmt.Sprint(i), f.react))
			}
			need, earliest, _ := ParseAck(ack, 3)
			r := rigOf(t, func(s *setup) {
				s.fanout.Ack, s.fanout.AckEarliest, s.fanout.AckTimeout = need, earliest, time.Second
				s.fanout.Policy.Attempts = 0
				s.backend.MaxConns, s.backend.ResponseTimeout = 16, 80*time.Millisecond
				s.backend.EjectFor = 10 * time.Millisecond
			}, fakes...)
			stop := make(chan struct{})
			var others, clients sync.WaitGroup
			for i := range 2 {
				others.Go(func() { operators(r, rand.New(rand.NewPCG(seed, uint64(10+i))), stop) })
			}
			others.Go(func() { watchSums(r, stop) })
			const each, conns = 60, 8
			var accepted, refusedN atomic.Int64
			for k := range conns {
				c := r.dial()
				clients.Go(func() {
					for i := range each {
						if _, err := c.c.Write([]byte(post("/", fmt.Sprintf("%d/%d", k, i)))); err != nil {
							t.Error(err)
							return
						}
						switch got, err := c.read("POST"); {
						case err != nil:
							t.Error(err)
							return
						case got.status == 201, got.status == 202:
							accepted.Add(1)
						case got.status == 503 && strings.Contains(got.body, "held"):
							refusedN.Add(1)
						default:
							t.Errorf("%+v", got)
						}
					}
				})
			}
			clients.Wait()
			close(stop)
			others.Wait()
			for i, f := range fs {
				f.off.Store(true)
				r.group.All()[i].Resume()
			}
			t.Logf("%d accepted, %d refused", accepted.Load(), refusedN.Load())
			r.settled(uint64(accepted.Load()))
			for i, b := range fakes {
				b.mu.Lock()
				if got := len(b.took); got != int(accepted.Load()) {
					t.Errorf("backend %d has applied %d writes of %d", i, got, accepted.Load())
				}
				b.mu.Unlock()
			}
		})
	}
}

// watchSums looks at the accounting until stop is closed.
func watchSums(r *rig, stop <-chan struct{}) {
	for {
		if s := r.f.Snapshot(); s.Accepted != s.Settled+s.Pending+s.Parked {
			r.t.Errorf("the sum does not hold: %+v", s)
			return
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Millisecond):
		}
	}
}
