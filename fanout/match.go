package fanout

import (
	"slices"

	"tutti/journal"
)

// matchSize is how many writes are looked at while the lock is held.
const matchSize = 4096

// listStored is List over what the journal holds. Nothing of it is kept in memory.
func (f *Fanout) listStored(q Filter) []View {
	views := []View{}
	var e journal.Entry
	var failed error
	for _, seq := range f.match(q) {
		v, there, err := f.peek(seq, &e, true)
		if there {
			views = append(views, v)
		}
		if err != nil && failed == nil {
			failed = err
		}
	}
	if failed != nil {
		f.mu.Lock()
		f.notes = append(f.notes, note{what: noteJournal, err: failed})
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
	from, more := q.After+1, q.After+1 != 0 && q.State != classSettled.String()
	for more && len(seqs) < q.Limit {
		seqs, from, more = f.matchSome(q, of, from, seqs)
	}
	if of < 0 && (q.State == "" || q.State == classSettled.String()) {
		seqs = append(seqs, f.keptAfter(q.After)...)
		slices.Sort(seqs)
	}
	return seqs[:min(len(seqs), q.Limit)]
}

// matchSome looks at some of the unsettled writes from a sequence on, those of backend of if it
// is not negative. It returns where to go on, if there are more.
func (f *Fanout) matchSome(q Filter, of int, from uint64, seqs []uint64) ([]uint64, uint64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.ledger.records
	for range matchSize {
		seq, ok := r.live.Next(from)
		if !ok {
			return seqs, from, false
		}
		from = seq + 1
		if of >= 0 && f.deliverers[of].disk.done.Has(seq) || q.State != "" && q.State != f.classLocked(seq).String() {
			continue
		}
		if seqs = append(seqs, seq); len(seqs) == q.Limit {
			break
		}
	}
	return seqs, from, true
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
