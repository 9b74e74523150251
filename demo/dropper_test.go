package demo

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestADropperDropsItsShareAndNoLongRuns(t *testing.T) {
	f := func(rate float64, longest int) {
		t.Helper()
		d := newDropper(rate, rand.New(rand.NewPCG(1, 2)))
		const n = 100_000
		dropped, run, most := 0, 0, 0
		for range n {
			if d.drops() {
				dropped++
				run++
				most = max(most, run)
			} else {
				run = 0
			}
		}
		if share := float64(dropped) / n; math.Abs(share-rate) > 0.01 {
			t.Errorf("rate %v: dropped %v", rate, share)
		}
		if most > longest {
			t.Errorf("rate %v: %d in a row", rate, most)
		}
	}
	f(0, 0)
	f(0.01, 2)
	f(0.2, 2)
	f(0.5, 2)
	f(0.75, 8)
	f(0.9, 20)
	f(1, 100_000)
}
