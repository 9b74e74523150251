package retry

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheWaitDoublesUpToTheCapAndTheJitterComesOnTop(t *testing.T) {
	f := func(p Policy, n int, jitter, want time.Duration, wantOK bool) {
		t.Helper()
		d, ok := p.Delay(n, jitter)
		if d != want || ok != wantOK {
			t.Errorf("%+v.Delay(%d, %v) = %v, %v; want %v, %v", p, n, jitter, d, ok, want, wantOK)
		}
	}
	p := Policy{Base: time.Second, Max: 64 * time.Second, Jitter: 100 * time.Millisecond, Attempts: 100}

	// the formula
	f(p, 0, 0, time.Second, true)
	f(p, 1, 0, 2*time.Second, true)
	f(p, 5, 0, 32*time.Second, true)
	f(p, 6, 0, 64*time.Second, true)

	// the cap, and jitter above it
	f(p, 7, 0, 64*time.Second, true)
	f(p, 90, 0, 64*time.Second, true)
	f(p, 0, 30*time.Millisecond, 1030*time.Millisecond, true)
	f(p, 50, 100*time.Millisecond, 64100*time.Millisecond, true)

	// a cap that is no power of two of the base
	f(Policy{Base: 3, Max: 10}, 1, 0, 6, true)
	f(Policy{Base: 3, Max: 10}, 2, 0, 10, true)
	f(Policy{Base: 3, Max: 10}, 62, 0, 10, true)
	f(Policy{Base: 3, Max: 10}, 63, 0, 10, true)
	f(Policy{Base: 3, Max: 10}, 64, 0, 10, true)

	// a base above the cap
	f(Policy{Base: 20, Max: 10}, 0, 0, 10, true)

	// the attempts: the first one counts
	f(p, 98, 0, 64*time.Second, true)
	f(p, 99, 0, 0, false)
	f(p, 100, 0, 0, false)
	f(p, math.MaxInt, 0, 0, false)
	f(Policy{Base: 1, Max: 1, Attempts: 1}, 0, 0, 0, false)
	f(Policy{Base: 1, Max: 8, Attempts: 2}, 0, 0, 1, true)
	f(Policy{Base: 1, Max: 8, Attempts: 2}, 1, 0, 0, false)

	// no limit of attempts
	f(Policy{Base: 1, Max: 8}, math.MaxInt, 0, 8, true)

	// jitter outside [0, Jitter] is cut
	f(p, 0, -time.Hour, time.Second, true)
	f(p, 0, time.Hour, 1100*time.Millisecond, true)
	f(Policy{Base: 5, Max: 5}, 0, 7, 5, true)

	// zero values and what Validate refuses do not wait less than nothing
	f(Policy{}, 0, 0, 0, true)
	f(Policy{Max: time.Second}, 3, 0, 0, true)
	f(Policy{Base: time.Second}, 3, 0, 0, true)
	f(Policy{Base: -1, Max: -1, Jitter: -1}, 2, 5, 0, true)
	f(Policy{Base: -1, Max: 8}, 2, 0, 0, true)
	f(p, -1, 0, time.Second, true)

	// no overflow
	f(Policy{Base: 1, Max: math.MaxInt64}, 62, 0, 1<<62, true)
	f(Policy{Base: 1, Max: math.MaxInt64}, 63, 0, math.MaxInt64, true)
	f(Policy{Base: math.MaxInt64, Max: math.MaxInt64, Jitter: math.MaxInt64}, 1, math.MaxInt64, math.MaxInt64, true)
}

func TestValidateNamesWhatIsNegative(t *testing.T) {
	f := func(p Policy, valid bool) {
		t.Helper()
		if err := p.Validate(); (err == nil) != valid {
			t.Errorf("%+v.Validate() = %v, want valid: %v", p, err, valid)
		}
	}
	f(Policy{}, true)
	f(Policy{Base: time.Second, Max: time.Minute, Jitter: time.Millisecond, Attempts: 3}, true)
	f(Policy{Base: time.Minute, Max: time.Second}, true) // every wait is the cap
	f(Policy{Base: -1}, false)
	f(Policy{Max: -1}, false)
	f(Policy{Jitter: -1}, false)
	f(Policy{Attempts: -1}, false)
}

func drawPolicy(t *rapid.T) Policy {
	anyDuration := rapid.Map(rapid.Int64Range(0, math.MaxInt64), func(n int64) time.Duration { return time.Duration(n) })
	return Policy{
		Base:     anyDuration.Draw(t, "base"),
		Max:      anyDuration.Draw(t, "max"),
		Jitter:   anyDuration.Draw(t, "jitter"),
		Attempts: rapid.IntRange(0, 200).Draw(t, "attempts"),
	}
}

func TestEveryWaitIsTheFormulaInUnboundedArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		n := rapid.IntRange(0, 300).Draw(t, "n")
		r := time.Duration(rapid.Int64Range(0, int64(p.Jitter)).Draw(t, "r"))

		want := new(big.Int).Lsh(big.NewInt(int64(p.Base)), uint(n))
		if limit := big.NewInt(int64(p.Max)); want.Cmp(limit) > 0 {
			want = limit
		}
		want = new(big.Int).Add(want, big.NewInt(int64(r)))
		if limit := big.NewInt(math.MaxInt64); want.Cmp(limit) > 0 {
			want = limit
		}
		if got := p.Wait(n, r); int64(got) != want.Int64() {
			t.Fatalf("%+v.Wait(%d, %v) = %d, want %v", p, n, r, got, want)
		}
	})
}

func TestTheWaitNeverShrinksAndTheJitterBoundsWhatIsAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		n := rapid.IntRange(0, 300).Draw(t, "n")
		r := time.Duration(rapid.Int64().Draw(t, "r"))

		bare, next := p.Wait(n, 0), p.Wait(n+1, 0)
		if bare < 0 || bare > p.Max || next < bare {
			t.Fatalf("%+v: wait %d is %v and the next %v", p, n, bare, next)
		}
		if with := p.Wait(n, r); with < bare || with-bare > p.Jitter {
			t.Fatalf("%+v: jitter %v makes %v of %v", p, r, with, bare)
		}
	})
}

func TestAttemptsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		p.Attempts = max(p.Attempts, 1)
		made := 1
		for {
			if _, ok := p.Delay(made-1, 0); !ok {
				break
			}
			made++
		}
		if made != p.Attempts {
			t.Fatalf("%d attempts are made, want %d", made, p.Attempts)
		}
	})
}
