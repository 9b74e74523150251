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
