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
// Backends in held that were not asked have no say.
func unanimity(ds []delivery, held uint64) (status int) {
	for i := range ds {
		d := &ds[i]
		switch {
		case d.state == delivered:
			return 0
		case held&(1<<i) != 0 && !d.firstEnded && d.state != sending:
		case !d.firstEnded || !blamesRequest(d.firstStatus) || status != 0 && d.firstStatus != status:
			return 0
		default:
			status = d.firstStatus
		}
	}
	return status
}
