package backend

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// groupInBubble runs f with a group of n in a bubble.
func groupInBubble(t *testing.T, n int, f func(t *testing.T, g *Group)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var bs []*Backend
		for i := range n {
			b, err := New(fmt.Sprintf("127.0.0.1:%d", i+1), i, Options{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			bs = append(bs, b)
		}
		g := NewGroup(bs)
		defer g.Close()
		f(t, g)
	})
}

// goesDown ejects b and lets it come back after d.
func goesDown(b *Backend, d time.Duration) {
	eject(b)
	after(d)
	b.Succeeded()
	synctest.Wait()
}

func TestWhatReturnsTakesATrickleFirstAndThenItsShare(t *testing.T) {
	groupInBubble(t, 3, func(t *testing.T, g *Group) {
		goesDown(g.All()[1], 5*time.Second)
		// 1 in 16 of its turns, 1 in 8, ...: 480 turns of each of the others, in every step.
		for step, share := range []int{16, 8, 4, 2, 1, 1} {
			c := picks(g, 480*2+480/share)
			if c[0] != 480 || c[2] != 480 || c[1] != 480/share {
				t.Errorf("after %d s: got %v, want 1 in %d for the second", step, c, share)
			}
			after(time.Second)
		}
		if c := picks(g, 9000); c[0] != 3000 || c[1] != 3000 || c[2] != 3000 {
			t.Errorf("when all is over: %v", c)
		}
	})
}

func TestAFreshStartIsNoReturn(t *testing.T) {
	groupInBubble(t, 3, func(t *testing.T, g *Group) {
		g.All()[0].Failed(ErrRefused) // which ejects nobody
		g.All()[0].Succeeded()
		g.All()[1].Drain() // and this is not being down
		after(time.Minute)
		g.All()[1].Resume()
		g.All()[2].Lack(1)
		g.All()[2].Lack(-1)
		if c := picks(g, 9000); c[0] != 3000 || c[1] != 3000 || c[2] != 3000 {
			t.Errorf("got %v", c)
		}
	})
}

func TestAReturnTakesNoLongerThanTheBackendWasDown(t *testing.T) {
	groupInBubble(t, 2, func(t *testing.T, g *Group) {
		b := g.All()[0]
		goesDown(b, 400*time.Millisecond)
		if c := picks(g, 17*10); c[0] != 10 || c[1] != 160 {
			t.Errorf("just back: %v", c)
		}
		after(390 * time.Millisecond)
		if c := picks(g, 30); c[0] != 10 || c[1] != 20 {
			t.Errorf("nearly over: %v", c)
		}
		after(20 * time.Millisecond)
		if c := picks(g, 20); c[0] != 10 {
			t.Errorf("over: %v", c)
		}
		eject(b)
		b.Succeeded() // at once
		if c := picks(g, 20); c[0] != 10 {
			t.Errorf("it was not away at all: %v", c)
		}
	})
}

func TestOneThatGoesDownAgainBeginsAnew(t *testing.T) {
	groupInBubble(t, 2, func(t *testing.T, g *Group) {
		b := g.All()[0]
		goesDown(b, 5*time.Second)
		after(3 * time.Second)
		goesDown(b, 5*time.Second)
		if c := picks(g, 17*10); c[0] != 10 {
			t.Errorf("got %v", c)
		}
	})
}

func TestADrainedReturnerGoesOnReturning(t *testing.T) {
	groupInBubble(t, 2, func(t *testing.T, g *Group) {
		b := g.All()[0]
		goesDown(b, 5*time.Second)
		b.Drain()
		if c := picks(g, 100); c[0] != 0 {
			t.Errorf("drained, got %v", c)
		}
		after(time.Minute)
		b.Resume()
		if c := picks(g, 17*10); c[0] != 10 {
			t.Errorf("resumed, got %v", c)
		}
		eject(b)
		b.Drain()
		after(time.Minute)
		b.Resume() // which ends the ejection, too: it was down all that time
		if c := picks(g, 17*10); c[0] != 10 {
			t.Errorf("was down while drained, got %v", c)
		}
	})
}

func TestAReturnBeginsWhenTheBackendHasCaughtUp(t *testing.T) {
	groupInBubble(t, 2, func(t *testing.T, g *Group) {
		b := g.All()[0]
		b.Lack(3)
		goesDown(b, 5*time.Second)
		after(time.Minute) // in which it gets what it is owed, gently
		if c := picks(g, 100); c[0] != 0 {
			t.Errorf("it lacks some, got %v", c)
		}
		b.Lack(-3)
		for _, share := range []int{16, 8, 4, 2, 1} {
			if c := picks(g, 160+160/share); c[0] != 160/share {
				t.Errorf("got %v, want 1 in %d for the first", c, share)
			}
			after(returnStep + 100*time.Millisecond)
		}
		g.All()[1].Lack(1)
		b.Lack(1)
		goesDown(b, 5*time.Second)
		if c := picks(g, 17*10); c[0] != 10 {
			t.Errorf("both lack some, got %v", c)
		}
		after(5 * time.Second)
		if c := picks(g, 20); c[0] != 10 {
			t.Errorf("it returns among those that lack some, got %v", c)
		}
	})
}

func TestWhenAllReturnTheyShareEqually(t *testing.T) {
	groupInBubble(t, 3, func(t *testing.T, g *Group) {
		for _, b := range g.All() {
			eject(b)
		}
		after(9 * time.Second)
		if c := picks(g, 300); !slices.Equal(c, []int{100, 100, 100}) {
			t.Errorf("all down: %v", c)
		}
		g.All()[0].Succeeded()
		if c := picks(g, 300); !slices.Equal(c, []int{300, 0, 0}) {
			t.Errorf("one is back: %v", c)
		}
		g.All()[1].Succeeded()
		g.All()[2].Succeeded()
		if c := picks(g, 300); !slices.Equal(c, []int{100, 100, 100}) {
			t.Errorf("all are back: %v", c)
		}
		after(5 * time.Second)
		if c := picks(g, 300); !slices.Equal(c, []int{100, 100, 100}) {
			t.Errorf("for a while: %v", c)
		}
	})
}

func TestARetryDoesNotFloodTheOneThatReturns(t *testing.T) {
	groupInBubble(t, 4, func(t *testing.T, g *Group) {
		// Every read fails on the first one, and its neighbour in the ring returns.
		failing, back := g.All()[0], g.All()[1]
		goesDown(back, 5*time.Second)
		n := 0
		for range 3200 {
			b := g.Pick(0)
			if b == failing {
				b = g.Pick(Set(0).With(failing))
			}
			if b == back {
				n++
			}
		}
		if n > 3200/2/16+2 { // retries are turns, too: each has nearly one per two reads

			t.Errorf("it got %d of 3200", n)
		}
		// When everybody else is tried it is picked, whether it takes its turn or not.
		tried := Set(0).With(failing).With(g.All()[2]).With(g.All()[3])
		for range 5 {
			if b := g.Pick(tried); b != back {
				t.Fatal("it was not picked")
			}
		}
	})
}

// TestOthersStayEqualWhileSomeReturn: over any stretch of any history in which both take all
// their turns, two backends were picked as often as each other, give or take one; one that
// returns was never picked more often than one that does not.
func TestOthersStayEqualWhileSomeReturn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(rt, "backends")
		g := newUnswept(n)
		const steps = 300
		now := int64(1)
		var history [steps + 1][]int
		var steady, slow [steps][]bool
		counts := make([]int, n)
		history[0] = make([]int, n)
		for s := range steps {
			i := rapid.IntRange(0, n-1).Draw(rt, "which")
			m := &g.members[i]
			now += int64(rapid.IntRange(0, 100).Draw(rt, "ms")) * int64(time.Millisecond)
			switch rapid.SampledFrom([]string{"pick", "pick", "pick", "pick", "pick", "down", "back", "lack", "lack less"}).Draw(rt, "what") {
			case "down":
				m.become(Unhealthy, now)
			case "back":
				m.become(Live, now)
			case "lack":
				m.lacks++
			case "lack less":
				m.lacks = max(m.lacks-1, 0)
			}
			g.ring.rebuild(g.members)
			g.advance(now)
			steady[s], slow[s] = split(g)
			counts[g.Pick(0).Index()]++
			history[s+1] = slices.Clone(counts)
		}
		for a := range n {
			for b := range n {
				fair(rt, history[:], steady[:], a, b)
				notFlooded(rt, history[:], slow[:], steady[:], a, b)
			}
		}
	})
}

// split tells of the most eligible who takes all turns and who lets some pass.
func split(g *Group) (steady, slow []bool) {
	best := never
	for i := range g.members {
		best = min(best, g.members[i].level())
	}
	steady, slow = make([]bool, len(g.members)), make([]bool, len(g.members))
	some := false
	for i := range g.members {
		m := &g.members[i]
		steady[i] = m.level() == best && !m.returning()
		slow[i] = m.level() == best && m.returning()
		some = some || steady[i]
	}
	if !some { // there is nobody else to take their turns
		return slow, steady
	}
	return steady, slow
}

// notFlooded checks each stretch in which a returned and b was steady.
func notFlooded(rt *rapid.T, history [][]int, slow, steady [][]bool, a, b int) {
	lowest, start := 0, 0
	for s := range slow {
		if !slow[s][a] || !steady[s][b] {
			start, lowest = s+1, 0
			continue
		}
		d := (history[s+1][a] - history[start][a]) - (history[s+1][b] - history[start][b])
		lowest = min(lowest, d)
		if d-lowest > 1 {
			rt.Fatalf("steps %d to %d: %d, returning, got %d more than %d", start, s, a, d-lowest, b)
		}
	}
}
