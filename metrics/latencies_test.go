package metrics

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEveryDurationIsWithinItsStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(100*time.Second)).Draw(t, "nanos"))
		from, to := stepBounds(step(int64(d)))
		if d < from || d >= to {
			t.Fatalf("%v is counted from %v to %v", d, from, to)
		}
		if from >= 64*time.Microsecond && to-from > from/4 {
			t.Fatalf("the step from %v to %v is too wide", from, to)
		}
	})
}

func TestStepsAreContiguousAndNoDurationIsOutside(t *testing.T) {
	for i := range latencySteps - 1 {
		_, to := stepBounds(i)
		if next := step(int64(to)); next != i+1 || step(int64(to)-1) != i {
			t.Errorf("step %d ends at %v, which is in step %d", i, to, next)
		}
	}
	for _, nanos := range []int64{math.MinInt64, -1, 0, math.MaxInt64} {
		if i := step(nanos); i < 0 || i >= latencySteps {
			t.Errorf("%d is in step %d", nanos, i)
		}
	}
	if from, _ := stepBounds(latencySteps - 1); from < time.Minute {
		t.Errorf("the last step begins at %v", from)
	}
}

// An interpolated quantile is near the exact one, whatever the durations are.
func TestAQuantileIsNearTheExactOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nanos := rapid.SliceOfN(rapid.Int64Range(int64(100*time.Microsecond), int64(20*time.Second)), 1, 300).Draw(t, "nanos")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		var live latencies
		for _, n := range nanos {
			live.add(n)
		}
		var l Latencies
		live.look(&l)
		slices.Sort(nanos)
		rank := min(max(int(math.Ceil(q*float64(len(nanos)))), 1), len(nanos))
		exact, got := float64(nanos[rank-1]), float64(l.Quantile(q))
		if got < exact*0.79 || got > exact*1.26 {
			t.Fatalf("the %v quantile is %v, not %v", q, time.Duration(got), time.Duration(exact))
		}
		if l.Count() != uint64(len(nanos)) {
			t.Fatalf("%d of %d were counted", l.Count(), len(nanos))
		}
	})
}

func TestTheDifferenceOfTwoLooksIsWhatWasCountedBetween(t *testing.T) {
	var live latencies
	live.add(int64(time.Second))
	var before, after Latencies
	live.look(&before)
	for range 10 {
		live.add(int64(time.Millisecond))
	}
	live.look(&after)
	after.Sub(&before)
	if n, p99 := after.Count(), after.Quantile(.99); n != 10 || p99 < 800*time.Microsecond || p99 > 1300*time.Microsecond {
		t.Errorf("%d, the 99th percentile %v", n, p99)
	}
	var none Latencies
	if p := none.Quantile(.5); p != 0 {
		t.Errorf("of none: %v", p)
	}
}
