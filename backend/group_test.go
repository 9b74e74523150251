package backend

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// newGroup is a group of n backends that nobody dials.
func newGroup(t testing.TB, n int) *Group {
	t.Helper()
	var bs []*Backend
	for i := range n {
		b, err := New(fmt.Sprintf("127.0.0.1:%d", i+1), i, Options{EjectFor: time.Hour}, nil)
		if err != nil {
			t.Fatal(err)
		}
		bs = append(bs, b)
	}
	g := NewGroup(bs)
	t.Cleanup(g.Close)
	return g
}

// eject ejects b.
func eject(b *Backend) {
	for range b.o.EjectAfter {
		b.Failed(ErrRefused)
	}
}

// picks counts n picks by index.
func picks(g *Group, n int) []int {
	counts := make([]int, len(g.All()))
	for range n {
		if b := g.Pick(0); b != nil {
			counts[b.Index()]++
		}
	}
	return counts
}

func TestNineThousandReadsOverThreeAreThreeThousandEach(t *testing.T) {
	g := newGroup(t, 3)
	if c := picks(g, 9000); c[0] != 3000 || c[1] != 3000 || c[2] != 3000 {
		t.Errorf("got %v", c)
	}
	for _, b := range g.All() {
		if n := b.Stats().Reads; n != 3000 {
			t.Errorf("%s counts %d", b.Name(), n)
		}
	}
}

func TestNineThousandConcurrentReadsAreThreeThousandEach(t *testing.T) {
	g := newGroup(t, 3)
	var counts [3]atomic.Int64
	var all sync.WaitGroup
	for range 9 {
		all.Go(func() {
			for range 1000 {
				counts[g.Pick(0).Index()].Add(1)
			}
		})
	}
	all.Wait()
	for i := range counts {
		if n := counts[i].Load(); n != 3000 {
			t.Errorf("backend %d got %d", i, n)
		}
	}
}

func TestOneThatLeavesGivesItsNeighbourNoDoubleLoad(t *testing.T) {
	// Scanning past a dead backend would (vmauth#9712).
	g := newGroup(t, 4)
	picks(g, 4*100+1)
	eject(g.All()[1])
	if c := picks(g, 3000); c[0] != 1000 || c[1] != 0 || c[2] != 1000 || c[3] != 1000 {
		t.Errorf("got %v", c)
	}
}

func TestOneThatReturnsIsNextAndGetsNoMoreThanItsTurn(t *testing.T) {
	g := newGroup(t, 3)
	back := g.All()[2]
	eject(back)
	picks(g, 100)
	back.Succeeded()
	if b := g.Pick(0); b != back {
		t.Errorf("picked %s", b.Name())
	}
	if c := picks(g, 3000); c[0] != 1000 || c[1] != 1000 || c[2] != 1000 {
		t.Errorf("got %v", c)
	}
}

func TestReadsAlwaysHaveAFallback(t *testing.T) {
	g := newGroup(t, 3)
	bs := g.All()
	only := func(what string, want ...int) {
		t.Helper()
		c := picks(g, 60)
		for _, i := range want {
			if c[i] != 60/len(want) {
				t.Errorf("%s: got %v", what, c)
			}
		}
	}
	only("all live", 0, 1, 2)
	bs[0].Lack(1)
	only("one lacks", 1, 2)
	bs[1].Lack(2)
	bs[2].Lack(1)
	only("all lack", 0, 1, 2)
	bs[1].Lack(-1)
	only("one lacks less", 0, 1, 2)
	bs[1].Lack(-1)
	only("one has caught up", 1)
	eject(bs[1])
	only("it is ejected", 0, 2)
	eject(bs[0])
	eject(bs[2])
	only("all are ejected", 0, 1, 2)
	if g.AnyLive() {
		t.Error("some is live")
	}
	bs[0].Drain()
	only("one of them drained", 1, 2)
	bs[1].Drain()
	bs[2].Drain()
	if b := g.Pick(0); b != nil {
		t.Errorf("all are drained, picked %s", b.Name())
	}
	bs[0].Lack(-1)
	bs[0].Resume()
	only("one resumed", 0)
	if s, _ := bs[0].State(); s != Live || !g.AnyLive() {
		t.Errorf("it is %s", s)
	}
}

func TestTheTriedOnesAreNotPickedAgain(t *testing.T) {
	g := newGroup(t, 4)
	bs := g.All()
	bs[2].Lack(1)
	eject(bs[3])
	var tried Set
	var order []int
	for b := g.Pick(tried); b != nil; b = g.Pick(tried) {
		order = append(order, b.Index())
		tried = tried.With(b)
	}
	if fmt.Sprint(order) != "[0 1 2 3]" {
		t.Errorf("tried in this order: %v", order)
	}
}

func TestAPickForARetryKeepsTheOthersTurns(t *testing.T) {
	g := newGroup(t, 4)
	bs := g.All()
	// The order is 0 1 2 3. With 0 and 1 tried, 2 is taken and goes to the end.
	if b := g.Pick(Set(0).With(bs[0]).With(bs[1])); b != bs[2] {
		t.Errorf("picked %s", b.Name())
	}
	for _, want := range []int{0, 1, 3, 2, 0} {
		if b := g.Pick(0); b.Index() != want {
			t.Errorf("picked %d, want %d", b.Index(), want)
		}
	}
}

func TestLackIsHeededOnReturn(t *testing.T) {
	g := newGroup(t, 3)
	lacking := g.All()[0]
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 2 { // others pick and flap meanwhile
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					g.Pick(0)
					g.All()[1].Lack(1)
					g.All()[1].Lack(-1)
				}
			}
		})
	}
	for range 2000 {
		lacking.Lack(1)
		for range 3 {
			if b := g.Pick(0); b == lacking {
				t.Fatal("picked though it lacks a write and another lacks none")
			}
		}
		lacking.Lack(-1)
	}
	close(stop)
	all.Wait()
	if lacking.Stats().Lacks != 0 || g.All()[1].Stats().Lacks != 0 {
		t.Error("lacks do not add up")
	}
}

// TestPicksAreFairWhateverComesAndGoes: over any stretch of any history, two backends that
// could be picked throughout were picked as often as each other, give or take one.
func TestPicksAreFairWhateverComesAndGoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(rt, "backends")
		g := newUnswept(n)
		const steps = 200
		var history [steps + 1][]int // picks so far, by backend
		var eligible [steps][]bool
		counts := make([]int, n)
		history[0] = make([]int, n)
		for s := range steps {
			i := rapid.IntRange(0, n-1).Draw(rt, "which")
			b := g.All()[i]
			switch rapid.SampledFrom([]string{"pick", "pick", "pick", "pick", "pick", "pick", "eject", "return", "drain", "resume", "lack", "lack less"}).Draw(rt, "what") {
			case "eject":
				eject(b)
			case "return":
				b.Succeeded()
			case "drain":
				b.Drain()
			case "resume":
				b.Resume()
			case "lack":
				b.Lack(1)
			case "lack less":
				if b.Stats().Lacks > 0 {
					b.Lack(-1)
				}
			}
			wholeShares(g)
			eligible[s] = mostEligible(g)
			if p := g.Pick(0); p != nil {
				if !eligible[s][p.Index()] {
					rt.Fatalf("step %d: picked %d, eligible are %v", s, p.Index(), eligible[s])
				}
				counts[p.Index()]++
			}
			history[s+1] = append([]int(nil), counts...)
		}
		for a := range n {
			for b := range a {
				fair(rt, history[:], eligible[:], a, b)
			}
		}
	})
}

// fair checks each stretch in which a and b were both eligible.
func fair(rt *rapid.T, history [][]int, eligible [][]bool, a, b int) {
	lowest, highest := 0, 0
	start := 0
	for s := range eligible {
		if !eligible[s][a] || !eligible[s][b] {
			start, lowest, highest = s+1, 0, 0
			continue
		}
		d := (history[s+1][a] - history[start][a]) - (history[s+1][b] - history[start][b])
		lowest, highest = min(lowest, d), max(highest, d)
		if highest-lowest > 1 {
			rt.Fatalf("steps %d to %d: %d and %d differ by %d", start, s, a, b, highest-lowest)
		}
	}
}

// wholeShares ends every slow return.
func wholeShares(g *Group) {
	for i := range g.members {
		g.members[i].every = 0
	}
	g.ring.rebuild(g.members)
}

// mostEligible is who may be picked now, told from the outside.
func mostEligible(g *Group) []bool {
	level := func(b *Backend) int {
		switch s, _ := b.State(); {
		case s == Drained || s == Held:
			return 3
		case s == Ejected:
			return 2
		case b.Stats().Lacks > 0:
			return 1
		}
		return 0
	}
	best := 2
	for _, b := range g.All() {
		best = min(best, level(b))
	}
	is := make([]bool, len(g.All()))
	for i, b := range g.All() {
		is[i] = level(b) == best
	}
	return is
}

// newUnswept is a group whose sweeper has ended, for properties.
func newUnswept(n int) *Group {
	var bs []*Backend
	for i := range n {
		b, _ := New(fmt.Sprintf("127.0.0.1:%d", i+1), i, Options{EjectFor: time.Hour}, nil)
		bs = append(bs, b)
	}
	g := NewGroup(bs)
	g.Close()
	return g
}

func TestPicksStayWithinTheEligibleUnderConcurrency(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := newGroup(t, 5)
	steady := g.All()[0]
	var all sync.WaitGroup
	for w := range 4 {
		r := rand.New(rand.NewPCG(seed, uint64(w)))
		all.Go(func() {
			for range 2000 {
				b := g.All()[1+r.IntN(4)]
				switch r.IntN(7) {
				case 0:
					eject(b)
				case 1:
					b.Succeeded()
				case 2:
					b.Drain()
				case 3:
					b.Resume()
				case 4:
					b.Hold()
				default:
					if p := g.Pick(Set(0).With(steady)); p == steady {
						t.Error("picked a tried one")
					}
					if g.Pick(0) == nil {
						t.Error("picked none though one is always live")
					}
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{1, 3, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := newGroup(b, n)
			b.ReportAllocs()
			for b.Loop() {
				g.Pick(0)
			}
		})
	}
}
