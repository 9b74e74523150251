package backend

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"tutti/clock"
)

// maxEjection is where the doubling of EjectFor ends (or at EjectFor, if that is more).
const maxEjection = 5 * time.Minute

// health is what exchanges and checks have shown about a backend, and what an operator wants of
// it: the one owner of who is live. The package's doc says who wins.
type health struct {
	// well is set when there is nothing a success could change, so that it costs a load.
	well atomic.Bool
	up   atomic.Bool // Up's answer
	held atomic.Bool // Held's answer

	mu        sync.Mutex
	after     int           // consecutive failures that eject
	base      time.Duration // the first ejection's length
	failures  int           // consecutive
	ejected   bool
	probation bool          // was ejected and has not succeeded since: one failure ejects again
	span      time.Duration // the last ejection's length
	over      int64         // clock.Now at which the ejection ends
	connects  bool          // the last connect did not fail
	mode      Mode
	since     int64 // Unix nanoseconds of the last change of state or of up
	onUp      func()
	onHold    func()
	owing     func() (owed, parked int)

	down int64  // Unix nanoseconds at which up turned false, until it has proved well; 0: it is not down
	why  string // it went down: a Failure's word
	told bool   // the log was told that it is down

	rise, fall int    // consecutive checks that pass, fail until it is healthy, unhealthy
	unhealthy  bool   // checks say so, and checks alone say otherwise
	passes     int    // consecutive checks that passed, begun after badAt
	misses     int    // consecutive checks that failed
	badAt      int64  // clock.Now of the last ejection or failed connect
	reason     string // why the check failed that made it unhealthy
}

func (h *health) init(o Options, now int64) {
	h.after, h.base = o.EjectAfter, o.EjectFor
	h.rise, h.fall = o.Checks.Rise, o.Checks.Fall
	h.badAt = math.MinInt64
	h.connects = true
	h.since = now
	h.well.Store(true)
	h.up.Store(true)
}

// state under the lock.
func (h *health) state() State {
	switch {
	case h.mode == ModeHeld:
		return Held
	case h.mode == ModeDrained:
		return Drained
	case h.unhealthy:
		return Unhealthy
	case h.ejected:
		return Ejected
	}
	return Live
}

// State of b, and since when (Unix nanoseconds).
func (b *Backend) State() (s State, since int64) {
	h := &b.health
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state(), h.since
}

// Down is since when (Unix nanoseconds) b is down, or is back but has yet to prove it, and why: a
// word of Failure's, or what a check found. 0: it is neither.
func (b *Backend) Down() (since int64, why string) {
	h := &b.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down == 0 {
		return 0, ""
	}
	return h.down, h.because()
}

// because is why it is down, under the lock.
func (h *health) because() string {
	if h.unhealthy {
		return "check: " + h.reason
	}
	return h.why
}

// Up tells whether a write should be tried at once: it is neither ejected nor unhealthy and its
// last connect succeeded (or none was tried). One that is drained
// or held can be up.
func (b *Backend) Up() bool { return b.health.up.Load() }

// OnUp registers the one function called, without locks held, whenever Up turns true. It is
// called by whoever made it so, an exchange, a check or the sweeper, and must not block.
func (b *Backend) OnUp(f func()) {
	b.health.mu.Lock()
	b.health.onUp = f
	b.health.mu.Unlock()
}

// Owing registers what tells how many writes b is owed and how many are parked, for the log. It is
// called without locks held.
func (b *Backend) Owing(f func() (owed, parked int)) {
	b.health.mu.Lock()
	b.health.owing = f
	b.health.mu.Unlock()
}

// Succeeded tells that an exchange not made by Exchange got an answer, any answer.
func (b *Backend) Succeeded() {
	if b.health.well.Load() {
		return
	}
	b.change(func(h *health) event {
		h.recover()
		if h.unhealthy {
			return nothing
		}
		return provedWell
	})
}

// Failed tells why an exchange not made by Exchange got none, a failed Acquire included. Stale,
// busy, interrupted and abandoned are not failures of the backend and are ignored, as is nil.
func (b *Backend) Failed(f *Failure) {
	if !f.counts() {
		return
	}
	now := clock.Now()
	b.change(func(h *health) event {
		h.well.Store(false)
		h.failures++
		h.why = f.Word
		if h.ejected || h.unhealthy || !h.probation && h.failures < h.after {
			return nothing
		}
		h.eject(now)
		return wentDown
	})
}

// connected notes how a dial ended; nil: well.
func (b *Backend) connected(f *Failure) {
	if f == nil && b.health.well.Load() {
		return
	}
	b.change(func(h *health) event {
		h.connects = f == nil
		if f != nil {
			h.well.Store(false)
			h.why = f.Word
			h.doubt(clock.Now())
		}
		return nothing
	})
}

// expire ends an ejection whose time is over and returns when the present one will be, 0 for none.
func (b *Backend) expire(now int64) int64 {
	h := &b.health
	h.mu.Lock()
	over := h.over
	due := h.ejected && over <= now
	if !h.ejected {
		over = 0
	}
	h.mu.Unlock()
	if !due {
		return over
	}
	b.change(func(h *health) event {
		if h.ejected && h.over <= now {
			h.ejected, h.probation = false, true
		}
		return nothing
	})
	return 0
}

// passed notes a check begun at began (clock.Now) that passed. Rise of them in a row, all begun
// after the last ejection or failed connect, make b healthy and end an ejection, to probation.
func (b *Backend) passed(began int64) {
	b.change(func(h *health) event {
		h.misses = 0
		if began <= h.badAt {
			return nothing
		}
		h.passes++
		h.connects = true
		if h.passes < h.rise || !h.unhealthy && !h.ejected {
			return nothing
		}
		h.probation = h.probation || h.ejected
		h.ejected, h.unhealthy, h.failures = false, false, 0
		return provedWell
	})
}

// missed notes a check that failed, and why. Fall of them in a row make b unhealthy.
func (b *Backend) missed(reason string) {
	b.change(func(h *health) event {
		h.passes = 0
		h.misses++
		if h.unhealthy || h.misses < h.fall {
			return nothing
		}
		was := h.ejected
		h.unhealthy, h.reason = true, reason
		if was {
			return nothing // it is out already
		}
		return wentDown
	})
}

// doubt has checks begun before now count for nothing.
func (h *health) doubt(now int64) {
	h.passes, h.badAt = 0, now
}

// eject starts an ejection, twice as long as the last one if there was no success in between.
func (h *health) eject(now int64) {
	if h.span == 0 {
		h.span = h.base
	} else {
		h.span = min(2*h.span, max(h.base, maxEjection))
	}
	h.ejected, h.probation = true, false
	h.over = now + int64(h.span)
	h.doubt(now)
}

// recover forgets every failure.
func (h *health) recover() {
	h.failures, h.span, h.over = 0, 0, 0
	h.ejected, h.probation = false, false
	h.connects = true
	h.well.Store(true)
}

// change makes a change under the lock, has the group heed it, and tells of it without locks.
func (b *Backend) change(f func(*health) event) {
	h := &b.health
	now := time.Now().UnixNano()
	h.mu.Lock()
	before := h.state()
	what := f(h)
	after := h.state()
	if after != before && b.group != nil {
		b.group.moved(b, after)
	}
	up := !h.ejected && !h.unhealthy && h.connects
	was := h.up.Load()
	if after != before || up != was {
		h.since = now
	}
	n := h.note(what, up, now)
	held := h.mode == ModeHeld
	var notify, notifyHold func()
	if up && !was {
		notify = h.onUp
	}
	if held != h.held.Load() {
		notifyHold = h.onHold
	}
	h.up.Store(up)
	h.held.Store(held)
	h.mu.Unlock()

	b.tell(n)
	// In this order: when a hold ends, what waits for the backend to be back is queued first.
	if notify != nil {
		notify()
	}
	if notifyHold != nil {
		notifyHold()
	}
}
