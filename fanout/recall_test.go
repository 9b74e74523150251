package fanout

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// An answer nobody waited for is in the journal's memory before it is on its disk: whoever asks for
// it in between may not be told before it is there.
func TestAnAnswerThatIsRecalledSurvivesACrashOnceItWasTold(t *testing.T) {
	var n atomic.Int64
	answer := func(*fakeRequest) reaction { return reaction{code: 201, body: fmt.Sprint("answer ", n.Add(1))} }
	s := newStored(t, newFake(t, "a", answer), newFake(t, "b", answer))
	for i := range 20 {
		r := s.start(nil)
		key := fmt.Sprint(i)
		if got := r.dial().do(keyedPost(key, "x", "Prefer: respond-async")); got.status != 202 {
			t.Fatalf("%+v", got)
		}
		eventually(t, "it is in the journal alone", func() bool {
			r.f.mu.Lock()
			defer r.f.mu.Unlock()
			return r.f.ledger.writes == 0
		})
		told := r.dial().do(keyedPost(key, "x"))
		s.store.Crash(nil)
		r.stop()
		r = s.start(nil)
		if again := r.dial().do(keyedPost(key, "x")); told.status != 201 || again.status != 201 || again.body != told.body {
			t.Errorf("first %+v, then %+v", told, again)
		}
		r.stop()
	}
}

// A repeat that saw its write in memory, and came to be admitted when that was settled and in the
// journal alone, was another write.
func TestARepeatWhoseWriteJustLeftMemoryIsNoOtherWrite(t *testing.T) {
	gate := make(chan struct{})
	s := newStored(t, newFake(t, "a", func(*fakeRequest) reaction { return reaction{hang: gate} }))
	r := s.start(nil)
	if got := r.dial().do(keyedPost("k", "x", "Prefer: respond-async")); got.status != 202 {
		t.Fatalf("%+v", got)
	}
	repeat := new(write)
	repeat.begin(r.f.deliverers)
	repeat.scoped = true
	r.f.mu.Lock()
	for _, w := range r.f.ledger.byScope {
		repeat.scope, repeat.print = w.scope, w.print
	}
	r.f.mu.Unlock()
	if why := r.f.recall(repeat); why != admitted {
		t.Fatalf("a repeat of what is in memory: %v", why)
	}
	close(gate)
	eventually(t, "it is in the journal alone", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.ledger.writes == 0
	})
	r.f.mu.Lock()
	why := r.f.repeatsLocked(repeat)
	r.f.mu.Unlock()
	if why != forgotten {
		t.Errorf("it would be admitted: %v", why)
	}
	if why := r.f.recall(repeat); why != repeated || repeat.record == nil {
		t.Errorf("looked for again: %v", why)
	}
	r.f.freeResponse(repeat.record.response)
}

// The page of a write that a client knows of outlives a crash right after the answer, whatever of
// the write was and was not on disk.
func TestAPageSurvivesACrashOnceItsIDWasTold(t *testing.T) {
	up, down := newFake(t, "up", nil), newFake(t, "down", nil)
	s := newStored(t, up, down)
	for i, prefer := range []string{"respond-async", "wait=0", "", "wait=1"} {
		down.down()
		r := s.start(func(o *setup) { o.fanout.AckTimeout = 20 * time.Millisecond })
		request := post("/", fmt.Sprint(i))
		if prefer != "" {
			request = preferring(prefer, fmt.Sprint(i))
		}
		if got := r.dial().do(request); got.status != 202 {
			t.Fatalf("%q: %+v", prefer, got)
		}
		s.store.Crash(nil)
		id := r.f.List(Filter{})[0].ID
		r.stop()
		r = s.start(nil)
		down.up()
		eventually(t, "settled", func() bool { return r.f.Snapshot().Settled == 1 })
		if v, ok := r.f.Lookup(id); !ok || v.State != "settled" || v.Backends[1].State != "delivered" {
			t.Errorf("%q: %v %+v", prefer, ok, v)
		}
		r.stop()
	}
}
