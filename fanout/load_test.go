package fanout

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tutti/journal"
)

// watched is a journal of which somebody wants to know what is read.
type watched struct {
	journal.Journal
	mu    sync.Mutex
	reads map[uint64]int
	kept  func(seq uint64) // called after a record was read; nil: nobody
}

// watch is a change of a rig's journal into a watched one.
func watch(j *watched, more func(*setup)) func(*setup) {
	j.reads = map[uint64]int{}
	return func(o *setup) {
		more(o)
		j.Journal, o.fanout.Journal = o.fanout.Journal, j
	}
}

func (j *watched) Read(seq uint64, e *journal.Entry) error {
	j.mu.Lock()
	j.reads[seq]++
	j.mu.Unlock()
	return j.Journal.Read(seq, e)
}

func (j *watched) Kept(seq uint64) (journal.Kept, error) {
	k, err := j.Journal.Kept(seq)
	j.mu.Lock()
	kept := j.kept
	j.mu.Unlock()
	if kept != nil {
		kept(seq)
	}
	return k, err
}

// counts are how many entries were read, and how often that which was read most.
func (j *watched) counts() (entries, most int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, n := range j.reads {
		most = max(most, n)
	}
	return len(j.reads), most
}

// large are n bodies of that many bytes, numbered.
func large(n, size int) (bodies []string) {
	for _, s := range numbers(n) {
		bodies = append(bodies, s+strings.Repeat("x", size-len(s)))
	}
	return bodies
}

// owed is a journal with these writes, of one ordering key, that the last of the fakes is owed.
func owed(t *testing.T, bodies []string, fakes ...*fake) *stored {
	t.Helper()
	s := newStored(t, fakes...)
	last := len(fakes) - 1
	fakes[last].down()
	r := s.start(func(o *setup) {
		o.fanout.Ack = last
		o.fanout.OrderBy, _ = ParseOrderBy("all")
	})
	c := r.dial()
	for _, body := range bodies {
		if got := c.do(post("/", body)); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	r.stop()
	return s
}

// One with a share of --max-pending-bytes of two writes: the others wait on disk until there is room.
func TestALargeBacklogIsReadOnceAndLeavesRoomForClients(t *testing.T) {
	const n, size, limit = 40, 64 << 10, 1 << 20
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	bodies := large(n, size)
	s := owed(t, bodies, a, b)
	release := make(chan struct{})
	b.behave(hangUntil(release))
	b.up()
	var j watched
	r := s.start(watch(&j, func(o *setup) {
		o.fanout.Ack, o.fanout.MaxPendingBytes = 1, limit
		o.fanout.OrderBy, _ = ParseOrderBy("all")
	}))
	eventually(t, "there is no room for more", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.deliverers[1].disk.short
	})
	if entries, most := j.counts(); entries != 2 || most != 1 {
		t.Errorf("%d are read, one %d times", entries, most)
	}
	if got := r.f.Snapshot().PendingBytes; got < 2*size || got > limit/8+size+1024 {
		t.Errorf("%d bytes are counted", got)
	}
	if got := r.dial().do(post("/", "fresh")); got.status != 201 {
		t.Errorf("meanwhile: %+v", got)
	}
	close(release)
	eventually(t, "all settled", func() bool { return r.f.Snapshot().Settled == n+1 })
	if _, most := j.counts(); most != 1 {
		t.Errorf("one was read %d times", most)
	}
	if got := b.bodies(); !slices.Equal(got, append(bodies, "fresh")) {
		t.Errorf("got %d, or out of order", len(got))
	}
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	if got := r.f.deliverers[1].disk.loaded; got != 0 || r.f.ledger.bytes != 0 {
		t.Errorf("%d and %d bytes are counted in the end", got, r.f.ledger.bytes)
	}
}

func TestAWriteThatFitsNoBoundIsLoadedAllTheSame(t *testing.T) {
	const n = 8
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	s := owed(t, large(n, 20_000), a, b)
	b.up()
	var j watched
	r := s.start(watch(&j, func(o *setup) { o.fanout.Ack, o.fanout.MaxPendingBytes = 1, 10_000 }))
	eventually(t, "all settled", func() bool { return r.f.Snapshot().Settled == n })
	if entries, most := j.counts(); entries != n || most != 1 {
		t.Errorf("%d are read, one %d times", entries, most)
	}
}

// What is only looked at takes no bytes that clients' writes could have.
func TestWhoLooksAtABacklogBringsNothingIntoMemory(t *testing.T) {
	const n = 30
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	b.down()
	s := newStored(t, a, b)
	change := func(o *setup) { o.fanout.Ack = 1 }
	r := s.start(change)
	c := r.dial()
	for i := range n {
		if got := c.do(keyedPost(fmt.Sprint("k", i), "x")); got.status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	r.stop()
	r = s.start(func(o *setup) { change(o); o.held = []int{1}; o.fanout.MaxPending = 80 })
	near := func() (dismissals uint64, writes int, bytes int64) {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.records.dismissals, r.f.ledger.writes, r.f.ledger.bytes
	}
	eventually(t, "a window of them is in memory", func() bool { _, writes, _ := near(); return writes == 10 })
	dismissals, _, bytes := near()
	list := r.f.List(Filter{})
	if len(list) != n {
		t.Fatalf("%d are listed", len(list))
	}
	for _, v := range list {
		if v.State != "pending" || v.Path != "/w" || v.Backends[0].State != "delivered" || v.Backends[1].State != "waiting" {
			t.Errorf("%+v", v)
		}
		if one, there := r.f.Lookup(v.ID); !there || one.Sequence != v.Sequence || one.State != v.State {
			t.Errorf("alone: %v %+v", there, one)
		}
	}
	if d, writes, counted := near(); d != dismissals || writes != 10 || counted != bytes {
		t.Errorf("%d have left memory, %d are in it, %d bytes instead of %d", d-dismissals, writes, counted, bytes)
	}
}

func TestAListTellsWhatCouldNotBeRead(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	s := owed(t, numbers(20), a, b)
	var log lockedBuffer
	r := s.start(func(o *setup) { o.fanout.Ack, o.fanout.MaxPending, o.fanout.Log = 1, 80, log.logger() })
	eventually(t, "a window of them is in memory", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.writes == 10
	})
	s.store.Fail(journal.ErrUnavailable)
	if got := r.f.List(Filter{}); len(got) != 10 {
		t.Errorf("%d are listed", len(got))
	}
	s.store.Fail(nil)
	if !strings.Contains(log.String(), journal.ErrUnavailable.Error()) {
		t.Error("it is not in the log")
	}
}

// Read before its delivery and brought into memory after it, a keyed write seemed to have lost its
// answer, and was sent once more.
func TestWhatWasInMemoryWhileItWasReadIsReadAgain(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	a.down()
	s := newStored(t, a, b)
	var j watched
	r := s.start(watch(&j, func(o *setup) { o.fanout.MaxPending, o.held = 8, []int{1} })) // a window of one
	c := r.dial()
	for _, key := range []string{"before", "k"} {
		if got := c.do(keyedPost(key, key, "Prefer: respond-async")); got.status != 202 {
			t.Fatalf("%+v", got)
		}
	}
	const seq = 2
	onDisk := func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.records.bySeq[seq] == nil
	}
	eventually(t, "it is on disk alone", onDisk)
	var first atomic.Bool
	reading, change := make(chan struct{}), make(chan struct{})
	j.mu.Lock()
	j.kept = func(read uint64) {
		if read == seq && first.CompareAndSwap(false, true) {
			close(reading)
			<-change
		}
	}
	j.mu.Unlock()
	fetched := make(chan *write)
	go func() {
		w, _ := r.f.fetchOne(seq)
		fetched <- w
	}()
	<-reading
	a.up()
	eventually(t, "a has it, and it is on disk alone again", func() bool {
		r.f.mu.Lock()
		done := r.f.deliverers[0].disk.done.Has(seq)
		r.f.mu.Unlock()
		return done && onDisk()
	})
	close(change)
	w := <-fetched
	r.f.mu.Lock()
	defer r.f.unlock()
	if w == nil {
		t.Fatal("it is not there")
	}
	if d := &w.deliveries[0]; d.state != delivered || w.kept == nil || d.to.owed != 0 {
		t.Errorf("it is as it was before: to a %v, with an answer: %v, and a is owed %d", d.state, w.kept != nil, d.to.owed)
	}
	r.f.ledger.release(w)
	if got := len(r.f.ledger.reading); got != 0 {
		t.Errorf("%d are still being read", got)
	}
}
