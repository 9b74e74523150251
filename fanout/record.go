package fanout

import (
	"errors"

	"tutti/clock"
	"tutti/journal"
)

// record has the journal, if there is one, keep a write that has its sequence, and accepts it
// once it is on disk. Otherwise nothing of it was or will be sent.
func (f *Fanout) record(w *write) refusal {
	if f.o.Journal == nil {
		return admitted
	}
	w.entry = journal.Entry{
		Seq: w.seq, ID: w.id, Accepted: f.wallTime(clock.Now()).UnixNano(), Keyed: w.keyed, Order: w.order,
		Head: w.head, Disclosed: w.disclosed, Method: w.line[:w.methodN], Target: w.line[w.methodN+1:], Request: w.request,
	}
	if w.scoped {
		w.entry.Scope, w.entry.Fingerprint = journal.Scope(w.scope), w.print
	}
	begun, barrings := clock.Now(), f.ledger.lanes.barrings.Load()
	err := f.o.Journal.Append(&w.entry)
	w.entry = journal.Entry{}
	now := clock.Now()
	if err == nil {
		f.o.Metrics.Appended(now - begun)
	}
	f.mu.Lock()
	defer f.unlock()
	defer f.wakeLocked(w) // those who repeat it
	if err != nil {
		w.voided = refusalFor(err)
		if w.voided == noRoom { // what else it may be the engine has logged
			f.notes = append(f.notes, note{what: noteJournal, err: err})
		}
		if w.voided == uncertain && w.lane != nil {
			f.ledger.lanes.bar(w.lane)
			poke(f.keeper.wake)
		}
		f.ledger.void(w, now)
		return w.voided
	}
	f.ledger.lanes.unbar(barrings, now)
	f.ledger.accept(w, now)
	return admitted
}

// refusalFor is what an error of Append means for the client.
func refusalFor(err error) refusal {
	switch {
	case errors.Is(err, journal.ErrFull):
		return noRoom
	case errors.Is(err, journal.ErrUncertain):
		return uncertain
	default:
		return noJournal
	}
}
