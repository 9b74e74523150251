// Package fanout sends each write to every backend, and again to those that failed, until
// all have it or it is reported: in the answer, on its page, in the log and in the metrics.
package fanout
