package fanout

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"tutti/backend"
	"tutti/journal"
	"tutti/journal/memory"
	"tutti/retry"
)

// stored is a journal that survives rigs.
type stored struct {
	t     testing.TB
	store *memory.Store
	fakes []*fake
}

func newStored(t testing.TB, fakes ...*fake) *stored {
	return &stored{t: t, store: new(memory.Store), fakes: fakes}
}

// start is a rig over the journal. It ends with stop, or with the test.
func (s *stored) start(change func(*setup)) *rig {
	s.t.Helper()
	var names []string
	for _, b := range s.fakes {
		names = append(names, b.addr)
	}
	j, err := s.store.Open(memory.Options{Backends: names})
	if err != nil {
		s.t.Fatal(err)
	}
	r := rigOf(s.t, func(o *setup) {
		o.fanout.Journal = j
		if change != nil {
			change(o)
		}
	}, s.fakes...)
	stop := r.stop
	r.stop = func() {
		stop()
		_ = j.Close()
	}
	s.t.Cleanup(r.stop)
	return r
}

// bodies are those of the requests a fake has got, each once, in the order they first came.
func (b *fake) bodies() (got []string) {
	for _, q := range b.requests() {
		if !slices.Contains(got, q.body) {
			got = append(got, q.body)
		}
	}
	return got
}

func numbers(n int) (want []string) {
	for i := range n {
		want = append(want, fmt.Sprint(i))
	}
	return want
}

func balanced(t testing.TB, r *rig) {
	t.Helper()
	if s := r.f.Snapshot(); s.Accepted != s.Settled+s.Pending+s.Parked {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsOwedGoesOnAfterARestart(t *testing.T) {
	gone, other := newFake(t, "gone", nil), newFake(t, "other", nil)
	s := newStored(t, gone, other)
	gone.down()
	r := s.start(func(o *setup) { o.fanout.Ack = 1 })
	c := r.dial()
	for _, body := range numbers(50) {
		if got := c.do(post("/", body)); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	if got := r.f.Snapshot(); got.Pending != 50 || got.Backends[0].Owed != 50 {
		t.Fatalf("%+v", got)
	}
	id := r.f.List(Filter{Limit: 1})[0].ID
	r.stop()
	r = s.start(func(o *setup) { o.fanout.Ack = 1 })
	if got := r.f.Snapshot(); got.Accepted != 50 || got.Pending != 50 || got.Backends[0].Owed != 50 || got.Backends[1].Owed != 0 {
		t.Fatalf("%+v", got)
	}
	if v, ok := r.f.Lookup(id); !ok || v.State != "pending" || !v.Durable || v.Backends[1].State != "delivered" {
		t.Errorf("%v %+v", ok, v)
	}
	gone.up()
	eventually(t, "all settled", func() bool { return r.f.Snapshot().Settled == 50 })
	balanced(t, r)
	if got := gone.bodies(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(numbers(50)))) {
		t.Errorf("got %v", got)
	}
	if got := len(other.requests()); got != 50 {
		t.Errorf("the other got %d", got)
	}
}

// One with a small window: the backlog is in the journal, and flows in order.
func TestALongBacklogIsNotInMemoryAndFlowsInOrder(t *testing.T) {
	const n = 600
	gone, other := newFake(t, "gone", nil), newFake(t, "other", nil)
	s := newStored(t, gone, other)
	gone.down()
	change := func(o *setup) {
		o.fanout.Ack, o.fanout.MaxPending = 1, 80 // a window of 10
		o.fanout.OrderBy, _ = ParseOrderBy("all")
	}
	r := s.start(change)
	c := r.dial()
	for _, body := range numbers(n) {
		if got := c.do(post("/", body)); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	eventually(t, "most are on disk", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.writes <= 11
	})
	if got := r.f.Snapshot(); got.Pending != n || got.Backends[0].Owed != n {
		t.Fatalf("%+v", got)
	}
	var ids []string
	for after := uint64(0); ; {
		page := r.f.List(Filter{State: "pending", Limit: 70, After: after})
		if len(page) == 0 {
			break
		}
		for _, v := range page {
			ids = append(ids, v.ID)
			after = v.Sequence
		}
	}
	if len(ids) != n {
		t.Errorf("%d are listed", len(ids))
	}
	gone.up()
	fresh := r.dial()
	for i := n; i < n+50; i++ {
		if got := fresh.do(post("/", fmt.Sprint(i))); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	eventually(t, "all settled", func() bool { return r.f.Snapshot().Settled == n+50 })
	balanced(t, r)
	if got, want := gone.bodies(), numbers(n+50); !slices.Equal(got, want) {
		t.Errorf("out of order: %v", got)
	}
	eventually(t, "nothing is left", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.records.live.Len() == 0 && r.f.ledger.writes == 0 && r.f.ledger.bytes == 0 && len(r.f.ledger.lanes.byKey) == 0
	})
}

func TestWhatIsParkedSurvivesARestart(t *testing.T) {
	broken := newFake(t, "broken", func(*fakeRequest) reaction { return reaction{code: 500} })
	other := newFake(t, "other", nil)
	s := newStored(t, broken, other)
	change := func(o *setup) { o.fanout.Policy.Attempts = 2 }
	r := s.start(change)
	if got := r.dial().do(post("/", "x")); got.status != 502 {
		t.Fatalf("%+v", got)
	}
	r.stop()
	r = s.start(change)
	if got := r.f.Snapshot(); got.Accepted != 1 || got.Parked != 1 || got.Backends[0].Parked != 1 {
		t.Fatalf("%+v", got)
	}
	list := r.f.List(Filter{State: "parked"})
	if len(list) != 1 || list[0].Backends[0].Attempts != 2 || list[0].Backends[0].Status != 500 || list[0].Path != "/" {
		t.Fatalf("%+v", list)
	}
	broken.behave(func(*fakeRequest) reaction { return reaction{} })
	if err := r.f.Retry(list[0].ID, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "settled", func() bool { return r.f.Snapshot().Settled == 1 })
	balanced(t, r)
}

// What is taken up because its backend is back has all its attempts, whoever was away meanwhile.
func TestWhatWasParkedUnreachedHasAllItsAttemptsAfterARestart(t *testing.T) {
	gone, other := newFake(t, "gone", script(500, 500, 201)), newFake(t, "other", nil)
	gone.down()
	s := newStored(t, gone, other)
	change := func(o *setup) { o.fanout.Ack, o.fanout.Policy.Attempts = 1, 3 }
	r := s.start(change)
	if got := r.dial().do(post("/", "x")); got.status != 201 {
		t.Fatalf("%+v", got)
	}
	eventually(t, "parked", func() bool { return r.f.Snapshot().Parked == 1 })
	r.stop()
	gone.up()
	r = s.start(change)
	eventually(t, "it is tried three times at most", func() bool { s := r.f.Snapshot(); return s.Settled == 1 || s.Parked == 1 })
	if got := len(gone.requests()); got != 3 || r.f.Snapshot().Settled != 1 {
		t.Errorf("it was tried %d times: %+v", got, r.f.Snapshot())
	}
	balanced(t, r)
}

func TestADropSurvivesACrash(t *testing.T) {
	broken := newFake(t, "broken", func(*fakeRequest) reaction { return reaction{code: 500} })
	s := newStored(t, broken, newFake(t, "other", nil))
	r := s.start(func(o *setup) { o.fanout.AckTimeout = 50 * time.Millisecond })
	if got := r.dial().do(post("/", "x")); got.status != 202 {
		t.Fatalf("%+v", got)
	}
	id := r.f.List(Filter{})[0].ID
	eventually(t, "dropped", func() bool {
		_ = r.f.Drop(id) // it may be under way
		return r.f.Snapshot().Settled == 1
	})
	s.store.Crash(func(int) int { return 0 })
	r.stop()
	r = s.start(nil)
	if got := r.f.Snapshot(); got.Pending != 0 || got.Accepted != got.Settled { // none, or dropped by the start
		t.Errorf("%+v", got)
	}
}

func TestASettledWriteThatOnlyTheJournalKnowsIsNoUnknownOne(t *testing.T) {
	r := newStored(t, newFake(t, "a", nil)).start(nil)
	request := strings.Replace(post("/", "x"), "\r\n", "\r\nPrefer: respond-async\r\n", 1)
	id := path.Base(r.dial().do(request).header.Get("Location"))
	key, _ := parseID(id)
	eventually(t, "it is out of memory", func() bool {
		w, _ := r.f.find(key)
		if w != nil {
			r.f.mu.Lock()
			defer r.f.unlock()
			r.f.ledger.release(w)
		}
		return w == nil
	})
	if err := r.f.Retry(id, false); !errors.Is(err, ErrState) {
		t.Errorf("retried: %v", err)
	}
	if err := r.f.Drop(id); !errors.Is(err, ErrState) {
		t.Errorf("dropped: %v", err)
	}
}

func TestWhatTheJournalDoesNotTakeIsRefusedAndNotSent(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	s := newStored(t, a, b)
	var log lockedBuffer
	r := s.start(func(o *setup) {
		o.fanout.OrderBy, _ = ParseOrderBy("all")
		o.fanout.Log = log.logger()
	})
	c := r.dial()
	for _, e := range []error{journal.ErrFull, journal.ErrUnavailable, journal.ErrUncertain} {
		s.store.Fail(e)
		got := c.do(post("/", "refused"))
		if got.status != 503 || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "nothing was forwarded") {
			t.Errorf("%v: %+v", e, got)
		}
	}
	if !strings.Contains(log.String(), "the journal is full") {
		t.Errorf("the log says %q", log.String())
	}
	s.store.Fail(nil)
	if got := c.do(post("/", "taken")); got.status != 201 {
		t.Errorf("%+v", got)
	}
	eventually(t, "settled", func() bool { return r.f.Snapshot().Settled == 1 })
	for _, f := range s.fakes {
		if got := f.bodies(); !slices.Equal(got, []string{"taken"}) {
			t.Errorf("%v", got)
		}
	}
	if got := r.f.Snapshot(); got.Accepted != 1 || got.PendingBytes != 0 {
		t.Errorf("%+v", got)
	}
}

func TestThatAParkedWriteWasOvertakenSurvivesARestart(t *testing.T) {
	broken := newFake(t, "broken", func(r *fakeRequest) reaction {
		if strings.HasPrefix(r.body, "bad") {
			return reaction{code: 500}
		}
		return reaction{}
	})
	s := newStored(t, broken, newFake(t, "other", nil))
	change := func(o *setup) {
		o.fanout.Policy.Attempts = 2
		o.fanout.OrderBy, _ = ParseOrderBy("path")
	}
	r := s.start(change)
	c := r.dial()
	for _, w := range [][2]string{{"/a", "bad 1"}, {"/b", "bad 2"}} {
		if got := c.do(post(w[0], w[1])); got.status != 502 {
			t.Fatalf("%+v", got)
		}
	}
	eventually(t, "both are out of memory", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.writes == 0
	})
	if got := c.do(post("/a", "good")); got.status != 201 {
		t.Fatalf("%+v", got)
	}
	check := func(when string) (list []View) {
		list = r.f.List(Filter{State: "parked"})
		if len(list) != 2 {
			t.Fatalf("%s: %+v", when, list)
		}
		if err := r.f.Retry(list[0].ID, false); !errors.Is(err, ErrOvertaken) {
			t.Errorf("%s: a retry of the overtaken one: %v", when, err)
		}
		return list
	}
	check("before")
	r.stop()
	r = s.start(change)
	list := check("after")
	broken.behave(func(*fakeRequest) reaction { return reaction{} })
	if err := r.f.Retry(list[1].ID, false); err != nil {
		t.Errorf("the other: %v", err)
	}
	if err := r.f.Retry(list[0].ID, true); err != nil {
		t.Errorf("by force: %v", err)
	}
	eventually(t, "all settled", func() bool { s := r.f.Snapshot(); return s.Parked == 0 && s.Pending == 0 })
	balanced(t, r)
}

func TestABackendThatIsNewToAJournalWithAHistoryIsHeld(t *testing.T) {
	a, b, fresh := newFake(t, "a", nil), newFake(t, "b", nil), newFake(t, "fresh", nil)
	s := newStored(t, a, b)
	r := s.start(nil)
	if got := r.dial().do(post("/", "before")); got.status != 201 {
		t.Fatalf("%+v", got)
	}
	r.settled(1)
	r.stop()
	s.fakes = append(s.fakes, fresh)
	for range 2 { // it stays so
		r = s.start(nil)
		if got := r.dial().do(post("/", "meanwhile")); got.status != 201 {
			t.Fatalf("%+v", got)
		}
		r.stop()
	}
	if got := fresh.requests(); len(got) != 0 {
		t.Fatalf("it got %d", len(got))
	}
	r = s.start(nil)
	all := r.group.All()
	if !all[2].Held() || all[0].Held() || all[1].Held() {
		t.Error("the new one is not held, or others are")
	}
	all[2].Resume()
	eventually(t, "it has what came since", func() bool {
		s := r.f.Snapshot()
		return s.Pending == 0 && len(fresh.requests()) >= 2
	})
	balanced(t, r)
}

func TestABackendThatIsGoneAndOwedKeepsFromStarting(t *testing.T) {
	a, gone := newFake(t, "a", nil), newFake(t, "gone", nil)
	s := newStored(t, a, gone)
	gone.down()
	r := s.start(func(o *setup) { o.fanout.Ack = 1 })
	for range 3 {
		if got := r.dial().do(post("/", "x")); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	r.stop()
	j, err := s.store.Open(memory.Options{Backends: []string{a.addr}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := backend.New(a.addr, 0, backend.Options{}, r.m.Backend(0))
	if err != nil {
		t.Fatal(err)
	}
	group := backend.NewGroup([]*backend.Backend{b})
	defer group.Close()
	_, err = New(Options{
		Group: group, Metrics: r.m, Success: set(t, "201"), Ack: 1, AckTimeout: time.Second, Journal: j,
		Policy: retry.Policy{Base: time.Second, Max: time.Second}, MaxPending: 1, MaxPendingBytes: 1,
	})
	var e *GoneError
	if !errors.As(err, &e) || len(e.Backends) != 1 || e.Backends[0].Name != gone.addr || e.Backends[0].Owed != 3 {
		t.Fatalf("%v", err)
	}
	_ = j.Close()
	if j, err = s.store.Open(memory.Options{Backends: []string{a.addr}, Forget: []string{gone.addr}}); err != nil {
		t.Fatal(err)
	}
	st, err := j.State()
	if err != nil || len(st.Gone) != 0 {
		t.Errorf("%+v, %v", st, err)
	}
	_ = j.Close()
}

// Its answer went with the process: a backend is asked for it, while others have yet to take it.
func TestAKeyedWriteWhoseAnswerIsLostIsDeliveredToTheOthers(t *testing.T) {
	release := make(chan struct{})
	failing, other := newFake(t, "failing", script(500)), newFake(t, "other", nil)
	s := newStored(t, failing, other)
	one := func(o *setup) { o.fanout.Ack, o.fanout.AckEarliest, o.fanout.KeepFor = 1, true, 0 }
	r := s.start(one)
	if got := r.dial().do(keyedPost("k", "x")); got.status != 201 {
		t.Fatalf("%+v", got)
	}
	eventually(t, "it is tried", func() bool { return len(failing.requests()) > 0 })
	r.stop()
	before := len(failing.requests())
	other.behave(hangUntil(release))
	r = s.start(one)
	eventually(t, "it is tried again", func() bool { return len(failing.requests()) > before+1 })
	close(release)
	failing.behave(script(201))
	eventually(t, "settled", func() bool { return r.f.Snapshot().Settled == 1 })
	balanced(t, r)
}

func TestAKeyedWriteWhoseAnswerIsLostCanBeDropped(t *testing.T) {
	failing, other := newFake(t, "failing", script(500)), newFake(t, "other", nil)
	s := newStored(t, failing, other)
	one := func(o *setup) { o.fanout.Ack, o.fanout.AckEarliest, o.fanout.KeepFor = 1, true, 0 }
	r := s.start(one)
	if got := r.dial().do(keyedPost("k", "x")); got.status != 201 {
		t.Fatalf("%+v", got)
	}
	r.stop()
	failing.down()
	other.behave(hangUntil(nil))
	r = s.start(one)
	if err := r.f.Drop(r.f.List(Filter{})[0].ID); err != nil {
		t.Fatal(err)
	}
	other.cut()
	eventually(t, "settled", func() bool { return r.f.Snapshot().Settled == 1 })
	balanced(t, r)
}

// With an order, who has a write is not asked for its answer behind a later one of the key, while another will tell.
func TestALostAnswerIsNotAskedForBehindALaterWriteOfItsKey(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	b.down()
	s := newStored(t, a, b)
	ordered := func(o *setup) { o.fanout.OrderBy, _ = ParseOrderBy("all") }
	r := s.start(ordered)
	first, second := r.dial(), r.dial()
	noted := func(n int) func() bool {
		return func() bool {
			r.f.mu.Lock()
			defer r.f.mu.Unlock()
			return r.f.ledger.records.live.Len() == n && r.f.deliverers[0].owed == 0 && len(r.f.deliverers[0].disk.blocks) == 0
		}
	}
	first.send(keyedPost("k", "first"))
	eventually(t, "it is noted that a has the first", noted(1))
	second.send(post("/", "second"))
	eventually(t, "it is noted that a has the second", noted(2))
	if !r.f.flush(0) { // what is noted may be on its way still
		t.Fatal("it does not come to disk")
	}
	s.store.Crash(func(n int) int { return n })
	r.stop()
	b.up()
	r = s.start(ordered)
	eventually(t, "settled", func() bool { return r.f.Snapshot().Settled == 2 })
	want := []string{"first", "second"}
	for name, f := range map[string]*fake{"a": a, "b": b} {
		if got := f.sent(); !slices.Equal(got, want) {
			t.Errorf("%s was sent %v, want %v", name, got, want)
		}
	}
	if got := r.dial().do(keyedPost("k", "first")); got.status != 201 {
		t.Errorf("its repeat is told %+v", got)
	}
	balanced(t, r)
}

// lateJournal appends what is in late only once told to.
type lateJournal struct {
	journal.Journal
	late    string
	release chan struct{}
}

func (j *lateJournal) Append(e *journal.Entry) error {
	if strings.HasSuffix(string(e.Request), j.late) {
		<-j.release
	}
	return j.Journal.Append(e)
}

// A write that was refused may be found after a crash: those of its key that are on disk already must not be sent
// before the journal has made sure that it won't.
func TestNothingOfItsKeyOvertakesAWriteThatMayBeOnDiskYet(t *testing.T) {
	for name, crash := range map[string]bool{"the journal recovers": false, "a crash comes first": true} {
		t.Run(name, func(t *testing.T) {
			a, b := newFake(t, "a", nil), newFake(t, "b", nil)
			s := newStored(t, a, b)
			late := &lateJournal{late: "first", release: make(chan struct{})}
			ordered := func(o *setup) { o.fanout.OrderBy, _ = ParseOrderBy("all") }
			r := s.start(func(o *setup) {
				ordered(o)
				late.Journal, o.fanout.Journal = o.fanout.Journal, late
			})
			first, second := r.dial(), r.dial()
			first.send(post("/", "first"))
			eventually(t, "the first has its place", func() bool { return arriving(r) == 1 })
			second.send(post("/", "second"))
			eventually(t, "the second is on disk", func() bool { return r.f.Snapshot().Accepted == 1 })
			s.store.Fail(journal.ErrUncertain)
			close(late.release)
			if got, err := first.read("POST"); got.status != 503 {
				t.Fatalf("the first is told %+v, %v", got, err)
			}
			if n := len(a.requests()) + len(b.requests()); n > 0 {
				t.Fatalf("%d requests were sent", n)
			}
			want := []string{"second"}
			if crash {
				s.store.Crash(func(n int) int { return n })
				s.store.Fail(nil)
				r.stop()
				r = s.start(ordered)
				want = []string{"first", "second"}
			} else {
				s.store.Fail(nil)
			}
			eventually(t, "settled", func() bool { return r.f.Snapshot().Pending == 0 && len(b.requests()) == len(want) })
			for name, f := range map[string]*fake{"a": a, "b": b} {
				if got := f.sent(); !slices.Equal(got, want) {
					t.Errorf("%s was sent %v, want %v", name, got, want)
				}
			}
			if !crash {
				if got, err := second.read("POST"); got.status != 201 {
					t.Errorf("the second is told %+v, %v", got, err)
				}
			}
			balanced(t, r)
		})
	}
}

// sent is the bodies of all requests a fake has got.
func (b *fake) sent() (got []string) {
	for _, q := range b.requests() {
		got = append(got, q.body)
	}
	return got
}

func arriving(r *rig) int {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	return r.f.ledger.records.arriving.Len()
}

func TestAJournalThatCouldNotBeReadIsReadAgain(t *testing.T) {
	gone, other := newFake(t, "gone", nil), newFake(t, "other", nil)
	s := newStored(t, gone, other)
	gone.down()
	r := s.start(func(o *setup) { o.fanout.Ack, o.fanout.MaxPending = 1, 8 })
	c := r.dial()
	for _, body := range numbers(6) {
		if got := c.do(post("/", body)); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	s.store.Fail(journal.ErrUnavailable)
	gone.up()
	eventually(t, "it could not be read", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.deliverers[0].disk.rest != 0
	})
	s.store.Fail(nil)
	eventually(t, "all settled", func() bool { return r.f.Snapshot().Settled == 6 })
	balanced(t, r)
}

// It has the write; that its answer has to be asked for again keeps no reads from it.
func TestABackendThatIsAskedForALostAnswerLacksNothing(t *testing.T) {
	release := make(chan struct{})
	a, b := newFake(t, "a", nil), newFake(t, "b", script(500))
	s := newStored(t, a, b)
	r := s.start(nil)
	c := r.dial()
	c.send(keyedPost("k", "x"))
	eventually(t, "it is noted that a has it", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.records.live.Len() == 1 && r.f.deliverers[0].owed == 0 && len(r.f.deliverers[0].disk.blocks) == 0
	})
	s.store.Crash(func(n int) int { return n })
	r.stop()
	a.behave(hangUntil(release))
	r = s.start(nil)
	eventually(t, "a is asked", func() bool { return len(a.requests()) == 2 })
	if n, m := r.group.All()[0].Stats().Lacks, r.group.All()[1].Stats().Lacks; n != 0 || m != 1 {
		t.Errorf("a lacks %d, b %d", n, m)
	}
	b.behave(script(201))
	close(release)
	eventually(t, "settled", func() bool { return r.f.Snapshot().Settled == 1 })
	balanced(t, r)
}
