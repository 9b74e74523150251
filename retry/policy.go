// Package retry says how long to wait after a failed attempt. It has no clock, no randomness and no state.
package retry

import (
	"fmt"
	"math"
	"time"
)

// Policy is truncated exponential backoff with jitter.
type Policy struct {
	Base     time.Duration // the unit: 2^n of it
	Max      time.Duration // cap before jitter
	Jitter   time.Duration // at most this much is added
	Attempts int           // tries in all, the first included; 0: no limit
}

// Validate says what is wrong with p. A Base above Max is fine: every wait is then Max.
func (p Policy) Validate() error {
	switch {
	case p.Base < 0:
		return fmt.Errorf("cannot wait a negative time: base is %v", p.Base)
	case p.Max < 0:
		return fmt.Errorf("cannot wait a negative time: the cap is %v", p.Max)
	case p.Jitter < 0:
		return fmt.Errorf("cannot add a negative time: jitter is %v", p.Jitter)
	case p.Attempts < 0:
		return fmt.Errorf("cannot make a negative number of attempts: %d", p.Attempts)
	}
	return nil
}

// Delay is the wait after the n-th failed attempt (n from 0): min(2^n*Base + r, Max + r) with
// r = jitter in [0, Jitter], drawn by the caller and cut to that range. ok is false when the
// attempts are used up. Never overflows.
func (p Policy) Delay(n int, jitter time.Duration) (d time.Duration, ok bool) {
	if p.Attempts > 0 && n >= p.Attempts-1 {
		return 0, false
	}
	return p.Wait(n, jitter), true
}

// Wait is Delay without the limit of attempts.
func (p Policy) Wait(n int, jitter time.Duration) time.Duration {
	n = min(max(n, 0), 63)
	d := p.Max
	if p.Base <= p.Max>>n {
		d = p.Base << n
	}
	d = max(d, 0)
	jitter = min(max(jitter, 0), max(p.Jitter, 0))
	if d > math.MaxInt64-jitter {
		return math.MaxInt64
	}
	return d + jitter
}
