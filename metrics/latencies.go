package metrics

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// A latency is counted in steps that are a quarter as wide as they are far from zero: fine enough
// for a quantile to be off by a tenth at most. The buckets of the exported histograms are not.
const (
	latencyUnit  = 13 // bits: steps of 8 µs up to 64 µs
	latencySteps = 4 * 24
)

// Latencies counts durations by step. Of two looks at the same counts, the later one Sub the
// earlier one is what was counted in between.
type Latencies [latencySteps]uint64

// Sub takes away what an earlier look has.
func (l *Latencies) Sub(earlier *Latencies) {
	for i := range l {
		l[i] -= earlier[i]
	}
}

// Count is how many there are.
func (l *Latencies) Count() uint64 {
	var n uint64
	for _, of := range l {
		n += of
	}
	return n
}

// Quantile is the duration that a share q of them (0 to 1) does not exceed; 0 if there are none.
func (l *Latencies) Quantile(q float64) time.Duration {
	before, rank := 0.0, q*float64(l.Count())
	last := time.Duration(0)
	for i, n := range l {
		if n == 0 {
			continue
		}
		from, to := stepBounds(i)
		if before+float64(n) >= rank {
			return from + time.Duration(float64(to-from)*max(rank-before, 0)/float64(n))
		}
		before += float64(n)
		last = to
	}
	return last
}

// latencies is Latencies that are being counted, without a lock.
type latencies [latencySteps]atomic.Uint64

func (l *latencies) add(nanos int64) { l[step(nanos)].Add(1) }

// look is not of one moment; each step's count is.
func (l *latencies) look(into *Latencies) {
	for i := range l {
		into[i] = l[i].Load()
	}
}

// step is a duration's place: eight even steps, then four to each doubling.
func step(nanos int64) int {
	units := uint64(max(nanos, 0)) >> latencyUnit
	shift := max(bits.Len64(units)-3, 0)
	return min(4*shift+int(units>>shift), latencySteps-1)
}

// stepBounds are the least duration of the i-th step and of the next one.
func stepBounds(i int) (from, to time.Duration) {
	return stepStart(i), stepStart(i + 1)
}

func stepStart(i int) time.Duration {
	shift := max(i/4-1, 0)
	return time.Duration(i-4*shift) << (shift + latencyUnit)
}
