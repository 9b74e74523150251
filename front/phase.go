package front

import "sync/atomic"

// phase is what a connection is doing, which says how long it may take.
type phase uint64

// The phases of a connection and, for receiving and sending, of one direction of it.
const (
	none       phase = iota
	fresh            // accepted, no byte yet
	idle             // between requests
	heading          // part of a head is here
	arriving         // part of a small body is here and the handler waits for the rest
	answering        // the handler runs
	tunnelling       // the handler copies both ways
	closing          // answered; what still arrives is thrown away
	receiving        // a handler waits for a body's bytes
	sending          // the client does not take the answer as fast as it comes
	shaking          // accepted, before TLS is agreed on
)

// stamp is a phase, the tick it was entered in and the sweeper's marks, in one atomic word:
// the owner swaps a new one in, the sweeper compares and swaps a mark onto an old one, so one
// of them is first and both know who.
type stamp struct{ v atomic.Uint64 }

// moment is a stamp's value.
type moment uint64

const (
	phaseMask moment = 0x0f
	looked    moment = 0x10 // the sweeper has asked the kernel whether the client is there
	late      moment = 0x20 // the sweeper found it overdue and is about to cut it
	tickShift        = 8
)

func at(p phase, tick uint64) moment { return moment(p) | moment(tick<<tickShift) }

func (m moment) phase() phase { return phase(m & phaseMask) }

func (m moment) late() bool { return m&late != 0 }

// age is the number of ticks begun since m.
func (m moment) age(tick uint64) uint64 {
	since := uint64(m >> tickShift)
	if tick < since {
		return 0
	}
	return tick - since
}

func (s *stamp) load() moment { return moment(s.v.Load()) }

// enter replaces the moment and returns the one before, which may be late: then the
// connection is about to be cut and must not be used for anything new.
func (s *stamp) enter(m moment) moment { return moment(s.v.Swap(uint64(m))) }

// mark adds a mark if nothing changed since m was loaded.
func (s *stamp) mark(m, with moment) bool {
	return s.v.CompareAndSwap(uint64(m), uint64(m|with))
}
