package fanout

import (
	"time"

	"tutti/backend"
)

// outcome is what became of one try to send a delivery.
type outcome struct {
	status     int              // of the final answer; 0: there was none
	fail       *backend.Failure // why there was none
	retryAfter time.Duration    // the answer asked for; 0: it did not
	response   *response        // its bytes, owned by whoever holds the outcome; nil when nobody wants them
}

// kind is what an outcome says about the backend and about the attempt.
type kind uint8

const (
	answered    kind = iota
	unreachable      // no connection could be made
	broken           // it was sent and there is no answer
	busy             // no free connection: not an attempt
	cut              // we are stopping: not an attempt
)

func (o *outcome) kind() kind {
	switch {
	case o.status != 0:
		return answered
	case o.fail == backend.ErrBusy:
		return busy
	case o.fail == backend.ErrAbandoned || o.fail == backend.ErrInterrupted:
		return cut
	case o.fail.Unreached():
		return unreachable
	default:
		return broken
	}
}

// word is the failure in the words of Proxy-Status, empty when there was an answer.
func (o *outcome) word() string {
	if o.fail == nil {
		return ""
	}
	return o.fail.Word
}

// asFailure: every error of package backend is a *Failure.
func asFailure(err error) *backend.Failure {
	if f, ok := err.(*backend.Failure); ok { // never wrapped
		return f
	}
	return backend.ErrTerminated
}
