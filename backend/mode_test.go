package backend

import (
	"sync"
	"testing"
	"time"
)

func TestAHeldBackendTakesNoReadsWhateverElse(t *testing.T) {
	groupInBubble(t, 2, func(t *testing.T, g *Group) {
		held, other := g.All()[0], g.All()[1]
		held.Hold()
		isIn(t, held, Held)
		if !held.Held() || !held.Up() {
			t.Error("held is a matter of operators, up of the backend")
		}
		if c := picks(g, 10); c[0] != 0 {
			t.Errorf("held, got %v", c)
		}
		eject(other)
		if c := picks(g, 10); c[0] != 0 || c[1] != 10 {
			t.Errorf("as a fallback, got %v", c)
		}
		eject(held)
		isIn(t, held, Held)
		other.Hold()
		if b := g.Pick(0); b != nil || g.AnyLive() {
			t.Errorf("all are held, picked %v", b)
		}
		held.Resume()
		isIn(t, held, Live)
		if held.Held() || g.Pick(0) != held {
			t.Error("it takes no reads after Resume")
		}
	})
}

func TestTheOperatorsLastWordCounts(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		calls := 0
		b.OnHold(func() { calls++ })
		for i, step := range []struct {
			do    func()
			state State
			calls int // so far
		}{
			{b.Drain, Drained, 0},
			{b.Hold, Held, 1},
			{b.Hold, Held, 1},
			{b.Drain, Drained, 2},
			{b.Drain, Drained, 2},
			{b.Hold, Held, 3},
			{b.Resume, Live, 4},
			{b.Resume, Live, 4},
		} {
			step.do()
			isIn(t, b, step.state)
			if b.Held() != (step.state == Held) || calls != step.calls {
				t.Errorf("step %d: held is %v after %d calls", i, b.Held(), calls)
			}
		}
	})
}

func TestAHeldReturnerGoesOnReturning(t *testing.T) {
	groupInBubble(t, 2, func(t *testing.T, g *Group) {
		b := g.All()[0]
		goesDown(b, 5*time.Second)
		b.Hold()
		after(time.Minute)
		b.Resume()
		if c := picks(g, 17*10); c[0] != 10 {
			t.Errorf("resumed, got %v", c)
		}
	})
}

// Whoever asks Held in the callback knows the last word when nobody changes it any more.
func TestCallbacksThatCrossLeaveTheLastWord(t *testing.T) {
	for range 200 {
		b, err := New("127.0.0.1:1", 0, Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		heeded := false
		b.OnHold(func() {
			mu.Lock()
			heeded = b.Held()
			mu.Unlock()
		})
		var operators sync.WaitGroup
		for _, do := range []func(){b.Hold, b.Resume, b.Drain, b.Hold} {
			operators.Go(do)
		}
		operators.Wait()
		if heeded != b.Held() {
			t.Fatalf("heeded %v, held %v", heeded, b.Held())
		}
	}
}
