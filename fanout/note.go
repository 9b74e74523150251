package fanout

import (
	"sync/atomic"
	"time"

	"tutti/clock"
)

// note is something to log once no lock is held.
type note struct {
	what    noteKind
	backend string
	id      string // of the write
	status  int
	err     error
}

type noteKind uint8

const (
	noteParked  noteKind = iota // attempts used up
	noteStrange                 // a 2xx that is no success
	noteJournal                 // the journal can't be read or written
)

// tell logs n, at most some of those that repeat.
func (f *Fanout) tell(n *note) {
	switch n.what {
	case noteParked:
		if ok, missed := f.given.allow(100 * time.Millisecond); ok {
			f.log.Warn("delivery parked: attempts used up", "id", n.id, "backend", n.backend, "status", n.status, "unlogged", missed)
		}
	case noteStrange:
		if ok, _ := f.strange.allow(10 * time.Second); ok {
			f.log.Warn("a backend's answer is no success by --success-status; the write is sent again",
				"backend", n.backend, "status", n.status)
		}
	case noteJournal:
		if ok, missed := f.unkept.allow(5 * time.Second); ok {
			f.log.Error("journal", "error", n.err, "unlogged", missed)
		}
	}
}

// throttle lets something happen at most once in a while. The zero value is ready.
type throttle struct {
	next   atomic.Int64 // clock.Now
	missed atomic.Int64
}

// allow tells whether it may happen now, and how many times it was not since it last was.
func (t *throttle) allow(every time.Duration) (ok bool, missed int64) {
	now, next := clock.Now(), t.next.Load()
	if now < next || !t.next.CompareAndSwap(next, now+int64(every)) {
		t.missed.Add(1)
		return false, 0
	}
	return true, t.missed.Swap(0)
}
