package fanout

import (
	"fmt"
	"testing"
	"time"

	"tutti/backend"
)

// While a backend is down only its queue's first delivery is tried. When that one ends for good
// without a success, somebody still has to look when the next one's time has come.
func TestDroppingTheOneThatIsTriedOnABackendThatIsDownLeavesTheOthersTheirTurn(t *testing.T) {
	hung := newFake(t, "hung", hangUntil(make(chan struct{})))
	good := newFake(t, "good", nil)
	r := rigOf(t, func(s *setup) {
		s.fanout.Ack, s.fanout.AckEarliest = 1, true
		s.backend.ResponseTimeout, s.backend.EjectAfter, s.backend.EjectFor = 200*time.Millisecond, 1, time.Hour
	}, good, hung)
	c := r.dial()
	c.do(post("/", "0"))
	eventually(t, "it is down", func() bool { return !r.group.All()[1].Up() })
	for i := range 3 {
		c.do(post("/", fmt.Sprint(i+1)))
	}
	first := r.f.List(Filter{Backend: hung.addr})[0].ID
	eventually(t, "the first is tried again", func() bool {
		v, _ := r.f.Lookup(first)
		return v.Backends[1].State == "sending" && v.Backends[1].Attempts > 0
	})
	if err := r.f.Drop(first); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is dropped", func() bool { return r.f.Snapshot().Settled == 1 })
	hung.behave(script(201))
	r.settled(4)
}

// Between the acceptance of a write that every backend is owed and its queueing, its request is
// being composed: whoever drops it then must not take away what it is composed in.
func TestAWriteDroppedBeforeItIsQueuedIsDroppedWhenItIs(t *testing.T) {
	r := newRig(t, []string{refusing(t), refusing(t)}, nil)
	f := r.f
	for _, b := range r.group.All() {
		if _, err := b.Acquire(backend.ForWrite, 0); err == nil || b.Up() {
			t.Fatalf("%s is not down", b.Name())
		}
	}
	w := f.writes.Get().(*write)
	w.begin(f.deliverers)
	w.line, w.methodN = append(w.line, "POST /"...), 4
	var send uint64
	if why := f.acceptWhole(w, 10, 0, &send); why != admitted || send != 0 {
		t.Fatalf("%v, sent to %b", why, send)
	}
	if why := f.record(w); why != admitted {
		t.Fatal(why)
	}
	id := f.List(Filter{})[0].ID
	if err := f.Drop(id); err != nil {
		t.Fatal(err)
	}
	if s := f.Snapshot(); s.Settled != 0 {
		t.Errorf("settled while it is composed: %+v", s)
	}
	w.memory = f.buffers.get(10)
	w.request = append(w.memory.b, "0123456789"...)
	f.owe(w, f.all)
	r.settled(1)
	if w.memory != nil {
		t.Error("its memory was not given back")
	}
	if got := f.await(w, 0, f.o.AckTimeout); got.verdict != failed {
		t.Errorf("the client is told %v", got.verdict)
	}
}
