package fanout

import (
	"errors"

	"tutti/clock"
	"tutti/journal"
)

// maxRecalls is how often a key is looked for that is on its way from memory to the journal.
const maxRecalls = 100

// recall looks for a keyed write in the journal, where it is if it was accepted in another run or
// has left memory: w, which is about to be admitted, may repeat its request. If it is not settled
// it is brought into memory, where repeatsLocked finds it as long as the caller holds on to it
// (w.first). Of one that is settled there is a record, which w.record is made of.
func (f *Fanout) recall(w *write) (why refusal) {
	why, w.record = f.remembered(w)
	return why
}

func (f *Fanout) remembered(w *write) (why refusal, r *reply) {
	if f.o.Journal == nil || !w.scoped {
		return admitted, nil
	}
	for range maxRecalls {
		f.mu.Lock()
		known := f.findLocked(w.scope) != nil
		w.dismissals = f.ledger.records.dismissals
		f.mu.Unlock()
		if known {
			return admitted, nil
		}
		seq, err := f.o.Journal.Scoped(journal.Scope(w.scope))
		if errors.Is(err, journal.ErrNotFound) {
			return admitted, nil
		}
		if err != nil {
			return noJournal, nil
		}
		first, err := f.fetchOne(seq)
		if first != nil {
			return f.recalled(w, first), nil
		}
		if err != nil {
			return noJournal, nil
		}
		why, r, again := f.recallRecord(w, seq)
		if !again {
			return why, r
		}
	}
	return noJournal, nil
}

// recalled makes w a repeat of first, to which the caller has a reference.
func (f *Fanout) recalled(w, first *write) refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	if first.print != w.print {
		f.ledger.release(first)
		return keyTaken
	}
	f.ledger.wanted++
	w.first = first
	return repeated
}

// recallRecord finds the record of the write that was accepted as seq under w's key. again: it is
// about to become one.
func (f *Fanout) recallRecord(w *write, seq uint64) (why refusal, r *reply, again bool) {
	k, err := f.o.Journal.Kept(seq)
	if errors.Is(err, journal.ErrNotFound) {
		return admitted, nil, false // its time is over
	}
	if err != nil {
		return noJournal, nil, false
	}
	d, err := readDraft(&k)
	switch {
	case err != nil:
		return noJournal, nil, false
	case !d.settled:
		return admitted, nil, true
	case k.Expires <= f.wallTime(clock.Now()).UnixNano():
		return admitted, nil, false
	case d.match != w.print:
		return keyTaken, nil, false
	}
	r = &reply{verdict: d.verdict, view: f.public(d.view), update: f.begun()}
	if d.verdict == acknowledged || d.verdict == refused {
		if r.response, err = f.readAnswer(d.answer); err != nil || r.response == nil {
			return noJournal, nil, false
		}
	}
	return repeated, r, false
}

// begun is the last update that is or was made. What was just read from the journal is on disk when it is.
func (f *Fanout) begun() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keeper.begun
}
