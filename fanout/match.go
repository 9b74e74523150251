package fanout

import (
	"slices"

	"tutti/clock"
)

// matchSize is how many writes are looked at while the lock is held.
const matchSize = 4096

// listStored is List over what the journal holds.
func (f *Fanout) listStored(q Filter) []View {
	seqs := f.match(q)
	views := []View{}
	for chunk := range slices.Chunk(seqs, loadSize) {
		ws, err := f.fetch(chunk)
		now := clock.Now()
		f.mu.Lock()
		for _, w := range ws {
			if w != nil {
				views = append(views, f.viewLocked(w, true, now))
				f.ledger.release(w)
			}
		}
		if err != nil {
			f.notes = append(f.notes, note{what: noteJournal, err: err})
		}
		f.unlock()
	}
	return views
}

// match returns the sequences of the writes that q selects, in order.
func (f *Fanout) match(q Filter) (seqs []uint64) {
	of := -1
	for i, t := range f.deliverers {
		if t.b.Name() == q.Backend {
			of = i
		}
	}
	if q.Backend != "" && of < 0 {
		return nil
	}
	from := q.After + 1
	for more := from != 0 && q.State != classSettled.String(); more && len(seqs) < q.Limit; {
		f.mu.Lock()
		r := f.ledger.records
		for range matchSize {
			var seq uint64
			if seq, more = r.live.Next(from); !more {
				break
			}
			from = seq + 1
			if (of < 0 || !f.deliverers[of].disk.done.Has(seq)) && (q.State == "" || q.State == f.classLocked(seq).String()) {
				if seqs = append(seqs, seq); len(seqs) == q.Limit {
					break
				}
			}
		}
		f.mu.Unlock()
	}
	if of < 0 && (q.State == "" || q.State == classSettled.String()) {
		seqs = append(seqs, f.keptAfter(q.After)...)
		slices.Sort(seqs)
	}
	return seqs[:min(len(seqs), q.Limit)]
}

// classLocked is what the accounting makes of a write that is not settled.
func (f *Fanout) classLocked(seq uint64) class {
	if w := f.ledger.records.bySeq[seq]; w != nil {
		return w.class
	}
	for _, t := range f.deliverers {
		if t.disk.away.Has(seq) {
			return classPending
		}
	}
	return classParked
}

// keptAfter are the sequences after one of the settled writes that are still in memory.
func (f *Fanout) keptAfter(after uint64) (seqs []uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, list := range [...]*keptList{&f.ledger.kept, &f.ledger.answers} {
		for w := list.first; w != nil; w = w.nextKept {
			if w.seq > after {
				seqs = append(seqs, w.seq)
			}
		}
	}
	return seqs
}
