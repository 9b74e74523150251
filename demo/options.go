package demo

import (
	"errors"
	"io"
	"time"
)

// Options of a Group. Start validates them.
type Options struct {
	// Listen is where the first server listens, "host:port"; the others take the next ports.
	// With port 0 each takes a free one. Empty: 127.0.0.1:0.
	Listen string

	Count int      // how many servers, at least 1
	Names []string // of the servers, in order; those not named are server1, server2, ... by position

	Flaky    int           // how many of them are flaky: the last ones
	FailRate float64       // share of writes a flaky one drops, from 0 to 1
	Latency  time.Duration // added to each answer

	// Ordered servers take a write that is older, by its Tutti-Sequence, than the last one they
	// have applied to its user for done: 201, and it changes nothing. That is what a backend does
	// about writes that come late when each user's are sent in order.
	Ordered bool

	Log  io.Writer // one line for each request; nil: none. It is written to by one goroutine at a time
	Seed uint64    // of the choice of what is dropped; 0: drawn at start
}

// validate names the first thing that is wrong.
func (o *Options) validate() error {
	switch {
	case o.Count < 1:
		return errors.New("cannot start demo backends: Count must be at least 1")
	case o.Flaky < 0 || o.Flaky > o.Count:
		return errors.New("cannot start demo backends: Flaky must be from 0 to Count")
	case !(o.FailRate >= 0 && o.FailRate <= 1):
		return errors.New("cannot start demo backends: FailRate must be from 0 to 1")
	case o.Latency < 0:
		return errors.New("cannot start demo backends: Latency must not be negative")
	}
	return nil
}
