package sim

import (
	"math/rand/v2"
	"time"
)

// dice draws from the seed.
type dice struct{ *rand.Rand }

// diceFor returns dice that show the same for the same seed and labels, whoever asks, and when.
func diceFor(seed uint64, labels ...int) dice {
	x := mix(seed)
	for _, l := range labels {
		x = mix(x ^ uint64(l))
	}
	return dice{rand.New(rand.NewPCG(x, mix(x)))}
}

// mix is splitmix64's.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// chance is true with probability p.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// between is at least a and less than b, to the nanosecond.
func (d dice) between(a, b time.Duration) time.Duration {
	return a + time.Duration(d.Int64N(int64(b-a)))
}

// number is at least a and at most b.
func (d dice) number(a, b int) int { return a + d.IntN(b-a+1) }

// one of these.
func one[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// weighted draws an index by weights, of which one is not 0.
func (d dice) weighted(weights []int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := d.IntN(sum)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return 0
}
