package fanout

import (
	"fmt"

	"tutti/clock"
	"tutti/journal"
)

// recover takes up what the journal holds. Everything that is owed is away at first.
func (f *Fanout) recover() error {
	s, err := f.o.Journal.State()
	if err != nil {
		return fmt.Errorf("cannot read the journal: %w", err)
	}
	if len(s.Gone) > 0 {
		return &GoneError{s.Gone}
	}
	if len(s.Backends) != len(f.deliverers) {
		return fmt.Errorf("fanout: the journal was opened for %d backends, not %d", len(s.Backends), len(f.deliverers))
	}
	if f.ids, err = newIDs(s.Secret); err != nil {
		return err
	}
	f.window = min(maxWindow, max(f.o.MaxPending/(4*len(f.deliverers)), 1))
	f.windowBytes = f.o.MaxPendingBytes / int64(4*len(f.deliverers))
	f.keeper.wake = make(chan struct{}, 1)
	l := &f.ledger
	l.seq = max(l.seq, s.Last)
	l.reading = make(map[uint64]reading)
	l.records = &records{
		live: s.Live, bySeq: make(map[uint64]*write), window: f.window,
		onDirty: func() { poke(f.keeper.wake) },
	}
	for i, t := range f.deliverers {
		t.disk.done = s.Backends[i].Done
		t.disk.done.Intersect(&s.Live)
	}
	if err := f.recoverModes(s); err != nil {
		return err
	}
	for i := range s.Notes {
		f.recoverNote(&s.Notes[i])
	}
	var over []uint64
	for _, block := range s.Live.Blocks() {
		over = f.recoverBlock(block, over)
	}
	for _, t := range f.deliverers {
		t.owed, t.parked = t.disk.away.Len(), t.disk.parked.Len()
		t.peer.Lack(t.owed + t.parked)
	}
	l.accepted = uint64(l.records.live.Len())
	return f.recoverOver(over)
}

// recoverOver settles what all backends have, and only the journal did not know it.
func (f *Fanout) recoverOver(seqs []uint64) error {
	for len(seqs) > 0 {
		ws, err := f.fetch(seqs[:min(loadSize, len(seqs))], maxFetch)
		if err != nil {
			return fmt.Errorf("cannot read the journal: %w", err)
		}
		seqs = seqs[len(ws):]
		now := clock.Now()
		f.mu.Lock()
		for _, w := range ws {
			f.ledger.classify(w, now)
			f.ledger.release(w)
		}
		f.unlock()
	}
	return nil
}

// recoverNote takes up what is noted of a delivery. One that was parked because the backend
// could not be reached is owed again.
func (f *Fanout) recoverNote(n *journal.Noted) {
	t, r := f.deliverers[n.Backend], f.ledger.records
	b := &t.disk
	if !r.live.Has(n.Seq) {
		return
	}
	b.noted.Add(n.Seq)
	switch n.Note.State {
	case journal.NoteRejected, journal.NoteDropped:
		b.finished(n.Seq)
	case journal.NoteParked:
		if b.done.Has(n.Seq) || parkedUnreached(&n.Note) {
			return
		}
		b.parked.Add(n.Seq)
		if n.Note.Keyed {
			lane := f.ledger.lanes.of(n.Note.Order, len(f.deliverers))
			lane.refs++
			lane.lines[n.Backend].park(n.Seq)
			if n.Note.Passed {
				at := &lane.lines[n.Backend]
				at.sent = max(at.sent, n.Seq+1)
			}
		}
	case journal.NoteNone, journal.NoteOwed:
	}
}

// parkedUnreached tells whether a delivery was parked because the backend could not be reached, and
// nothing of its key has overtaken it.
func parkedUnreached(n *journal.Note) bool {
	return n.State == journal.NoteParked && !n.Reached && !n.Passed
}

// recoverBlock finds out where the writes of a block are, and appends to over those that every
// backend has; they are pending until they are settled.
func (f *Fanout) recoverBlock(block uint64, over []uint64) []uint64 {
	l := &f.ledger
	live := l.records.live.Bits(block)
	var owed, parked journal.Bits
	for _, t := range f.deliverers {
		done, given := t.disk.done.Bits(block), t.disk.parked.Bits(block)
		var away journal.Bits
		for j := range live {
			given[j] &^= done[j]
			away[j] = live[j] &^ done[j] &^ given[j]
			owed[j] |= away[j]
			parked[j] |= given[j]
		}
		t.disk.parked.SetBits(block, &given)
		t.disk.away.SetBits(block, &away)
	}
	var rest journal.Bits
	for j := range live {
		parked[j] &^= owed[j]
		rest[j] = live[j] &^ owed[j] &^ parked[j]
	}
	l.pending += uint64(owed.Count() + rest.Count())
	l.parked += uint64(parked.Count())
	if rest.Count() == 0 {
		return over
	}
	var ended journal.Set
	ended.SetBits(block, &rest)
	for seq, ok := ended.Next(0); ok; seq, ok = ended.Next(seq + 1) {
		over = append(over, seq)
	}
	return over
}
