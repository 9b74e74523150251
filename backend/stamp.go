package backend

import "sync/atomic"

// The marks a stamp can hold besides a moment (always positive) and 0 for none.
const (
	marked   int64 = -1 // found overdue by the sweeper: a cut is under way
	answered int64 = -2 // the head is here; Await does nothing any more
)

// stamp is a moment (clock.Now) after which the sweeper cuts a wait. Setting one costs a store
// where a deadline on the socket costs a timer.
type stamp struct{ at atomic.Int64 }

// mark turns an overdue stamp into a mark and tells whether this call did. next is the moment
// it is due, 0 when there is none.
func (s *stamp) mark(now int64) (cut bool, next int64) {
	v := s.at.Load()
	if v <= 0 {
		return false, 0
	}
	if v > now {
		return false, v
	}
	return s.at.CompareAndSwap(v, marked), 0
}

// overdue tells, by the owner's own clock, whether the moment has come.
func (s *stamp) overdue(now int64) bool {
	v := s.at.Load()
	return v == marked || v > 0 && v <= now
}

// set replaces the stamp and tells whether it had been marked: a cut may then still come.
func (s *stamp) set(v int64) (wasMarked bool) {
	return s.at.Swap(v) == marked
}

// clear is set(0) that costs a load when there is nothing to clear.
func (s *stamp) clear() (wasMarked bool) {
	return s.at.Load() != 0 && s.set(0)
}
