// Package clock is the one source of monotonic time for deadlines and measurements.
package clock

import "time"

// epoch is long past: a testing/synctest bubble begins in the year 2000, and Now is positive there, too.
var epoch = time.Now().Add(-50 * 365 * 24 * time.Hour)

// Now returns nanoseconds on the monotonic clock, always positive. Only differences mean
// anything. Inside a testing/synctest bubble it is the bubble's time.
func Now() int64 { return int64(time.Since(epoch)) }
