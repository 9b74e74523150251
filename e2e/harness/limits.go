package harness

import (
	"testing"
	"time"
)

// Limit is how long anything that must happen may take before a test calls it hung. It is
// generous on purpose: the speed of the machine never decides whether a test passes.
const Limit = time.Minute

const pollEvery = 5 * time.Millisecond

// Eventually fails the test unless cond becomes true within Limit.
func Eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	EventuallyWithin(t, Limit, what, cond)
}

// EventuallyWithin is Eventually with a limit of its own, for what is long by design.
func EventuallyWithin(t testing.TB, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	if !poll(limit, cond) {
		t.Fatalf("not within %v: %s", limit, what)
	}
}

func poll(limit time.Duration, cond func() bool) bool {
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if cond() {
			return true
		}
		select {
		case <-tick.C:
		case <-end.C:
			return cond()
		}
	}
}

// During calls check again and again for d and fails the test when it returns an error: for
// what must not happen and leaves no mark that a test could wait for.
func During(t testing.TB, d time.Duration, check func() error) {
	t.Helper()
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := check(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		}
	}
}
