package fanout

import (
	"fmt"
	"sync/atomic"
	"testing"
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
