package fanout

import (
	"fmt"

	"tutti/clock"
	"tutti/journal"
)

// peek is what pages show of a write that is not settled, or still in memory. What is in the journal
// alone stays there: it counts for nothing, and the next one is read into the same e. there: it was found.
func (f *Fanout) peek(seq uint64, e *journal.Entry, names bool) (v View, there bool, err error) {
	for again := true; again; {
		v, there, again, err = f.peekOnce(seq, e, names)
	}
	return v, there, err
}

// peekOnce is peek; again: the write was in memory meanwhile, and is not any more.
func (f *Fanout) peekOnce(seq uint64, e *journal.Entry, names bool) (v View, there, again bool, err error) {
	l := &f.ledger
	f.mu.Lock()
	if v, there = f.nearLocked(seq, names); there || !l.records.live.Has(seq) {
		f.mu.Unlock()
		return v, there, false, nil
	}
	noted, since := f.notedLocked(seq), l.beginRead(seq)
	f.mu.Unlock()
	w, err := f.readState(seq, noted, e)
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := l.endRead(seq, since)
	if w != nil {
		defer f.dropWrite(w)
	}
	v, there = f.nearLocked(seq, names)
	switch {
	case there || !l.records.live.Has(seq):
		return v, there, false, nil
	case !fresh:
		return v, false, true, nil
	case err != nil:
		return v, false, false, err
	case w == nil:
		return v, false, false, fmt.Errorf("write %d is %w", seq, journal.ErrNotFound)
	}
	w.stand()
	return f.viewLocked(w, names, clock.Now()), true, false, nil
}

// nearLocked is the view of a write that is in memory.
func (f *Fanout) nearLocked(seq uint64, names bool) (v View, there bool) {
	w := f.ledger.records.bySeq[seq]
	if w == nil {
		return v, false
	}
	return f.viewLocked(w, names, clock.Now()), true
}

// stand puts the deliveries of a write that was read to be looked at into the states that the
// backends' records say.
func (w *write) stand() {
	w.class = classParked
	for i := range w.deliveries {
		d := &w.deliveries[i]
		switch b := &d.to.disk; {
		case b.done.Has(w.seq):
			if d.state != rejected && d.state != dropped {
				d.state = delivered
			}
		case b.parked.Has(w.seq):
			d.state = parked
		default:
			d.state = waiting
			w.class = classPending
		}
	}
}
