package demo

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestADropperDropsItsShareAndNoWriteForEver(t *testing.T) {
	f := func(rate float64, longest int) {
		t.Helper()
		d := newDropper(rate, rand.New(rand.NewPCG(1, 2)))
		const n = 200_000
		dropped, run, most := 0, 0, 0
		for i := range n {
			if d.drops([]byte{byte(i), byte(i >> 8)}) { // many writes
				dropped++
			}
		}
		if share := float64(dropped) / n; math.Abs(share-rate) > 0.01 {
			t.Errorf("rate %v: dropped %v", rate, share)
		}
		for range n { // one write
			if d.drops([]byte("key")) {
				run++
				most = max(most, run)
			} else {
				run = 0
			}
		}
		if most > longest {
			t.Errorf("rate %v: %d in a row", rate, most)
		}
	}
	f(0, 0)
	f(0.01, 2)
	f(0.2, 5)
	f(0.5, 10)
	f(0.9, 66)
	f(1, 200_000)
}

func TestADropperForgetsWritesThatNeverCameBack(t *testing.T) {
	d := newDropper(0.9, rand.New(rand.NewPCG(1, 2)))
	for i := range 3 * maxRows {
		d.drops([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		if len(d.row) > maxRows {
			t.Fatalf("%d are remembered", len(d.row))
		}
	}
}
