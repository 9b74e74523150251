// Package retry says how long to wait after a failed attempt. It has no clock, no randomness and no state.
package retry

import "time"

// Policy is truncated exponential backoff with jitter.
type Policy struct {
	Base     time.Duration // the unit: 2^n of it
	Max      time.Duration // cap before jitter
	Jitter   time.Duration // at most this much is added
	Attempts int           // tries in all, the first included; 0: no limit
}

// Delay is the wait after the n-th failed attempt (n from 0): min(2^n*Base + r, Max + r) with
// r = jitter in [0, Jitter]. ok is false when the attempts are used up. Never overflows.
func (p Policy) Delay(n int, jitter time.Duration) (d time.Duration, ok bool) {
	if p.Attempts > 0 && n+1 >= p.Attempts {
		return 0, false
	}
	d = p.Max
	if n < 62 && p.Base <= p.Max>>uint(n) {
		d = p.Base << uint(n)
	}
	if jitter > 0 {
		d += jitter
	}
	return d, true
}
