package fanout

import (
	"time"

	"tutti/retry"
)

// rules are the options that decide deliveries. They have no state.
type rules struct {
	success   StatusSet
	reject    StatusSet
	unanimous bool
	policy    retry.Policy
}

// judge says what follows from the outcome of attempt n (from 0): delivered, rejected,
// parked, or waiting for d. jitter is drawn afresh by the caller, in [0, policy.Jitter].
// It is told of attempts only: neither busy nor cut.
func (r *rules) judge(o *outcome, n int, jitter time.Duration) (next state, d time.Duration) {
	if o.status != 0 {
		if r.success.Has(o.status) {
			return delivered, 0
		}
		if r.reject.Has(o.status) {
			return rejected, 0
		}
	}
	d, ok := r.policy.Delay(n, jitter)
	if !ok {
		return parked, 0
	}
	// A Retry-After longer than the wait replaces it, up to the cap.
	return waiting, max(d, min(o.retryAfter, r.policy.Max))
}

// blamesRequest tells whether a status, answered by all backends alike, says that the
// request is at fault. 408, 425 and 429 ask for it to be sent again.
func blamesRequest(status int) bool {
	return status >= 400 && status <= 499 && status != 408 && status != 425 && status != 429
}

// unanimity is the status in which the first attempts on all backends ended, if that says
// that the request is at fault; otherwise 0. It is not when a later attempt was a success.
func unanimity(ds []delivery) int {
	status := ds[0].firstStatus
	if !blamesRequest(status) {
		return 0
	}
	for i := range ds {
		if !ds[i].firstEnded || ds[i].firstStatus != status || ds[i].state == delivered {
			return 0
		}
	}
	return status
}
