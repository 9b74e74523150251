// Package clock is the one source of monotonic time for deadlines and measurements.
package clock

import "time"

var epoch = time.Now()

// Now returns nanoseconds on the monotonic clock. Only differences mean anything.
// Inside a testing/synctest bubble it is the bubble's time.
func Now() int64 { return int64(time.Since(epoch)) }
