package fanout

import (
	"errors"
	"fmt"
	"time"

	"tutti/clock"
	"tutti/journal"
)

// maxWindow is how many deliveries that are owed a backend are in memory, at most: enough for
// its senders. The others wait in the journal, in order.
const maxWindow = 4096

// loadSize is how many writes are read from the journal in one go.
const loadSize = 256

// loadPause is how long a journal that could not be read is left alone.
const loadPause = time.Second

// load brings the next of what is owed to t from the journal into its queue, if there is room
// for it, and tells whether begin has to look again.
func (f *Fanout) load(t *deliverer) (loaded bool) {
	if f.o.Journal == nil {
		return false
	}
	seqs := f.nextAway(t)
	if len(seqs) == 0 {
		return false
	}
	ws, err := f.fetch(seqs)
	now := clock.Now()
	f.mu.Lock()
	defer f.unlock()
	if err != nil {
		t.disk.rest = now + int64(loadPause)
		loaded = true // not for long: begin says until when
		f.notes = append(f.notes, note{what: noteJournal, backend: t.b.Name(), err: err})
	}
	waits := false
	for _, w := range ws {
		if w == nil {
			continue
		}
		waits = waits || w.composing || t.near > 0 && !f.ledger.fits(0)
		if d := &w.deliveries[t.index]; d.away && !waits {
			f.ledger.approach(d, len(f.deliverers), now)
			loaded = true
		}
		f.ledger.release(w)
	}
	return loaded
}

// nextAway is what t is to have next, in order, as far as there is room for it.
func (f *Fanout) nextAway(t *deliverer) (seqs []uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	away := &t.disk.away
	if f.closed || away.Len() == 0 || t.near > f.window/2 || clock.Now() < t.disk.rest ||
		t.near > 0 && !f.ledger.fits(0) {
		return nil
	}
	n := min(loadSize, f.window-t.near)
	seqs = t.seqs[:0]
	for seq, ok := away.Next(0); ok && len(seqs) < n; seq, ok = away.Next(seq + 1) {
		if f.ledger.records.arriving.Has(seq) {
			break // in order: what is not accepted yet has to come first
		}
		seqs = append(seqs, seq)
	}
	t.seqs = seqs
	return seqs
}

// fetch returns the writes of seqs, read from the journal where they are not in memory, each
// with a reference for the caller; nil for one that is settled. After an error only those
// before the first that could not be read are there.
func (f *Fanout) fetch(seqs []uint64) ([]*write, error) {
	ws := make([]*write, len(seqs))
	read := make([]bool, len(seqs))
	noted := make([]uint64, len(seqs))
	f.mu.Lock()
	for i, seq := range seqs {
		if w := f.ledger.records.bySeq[seq]; w != nil {
			w.refs++
			ws[i] = w
			continue
		}
		for j, t := range f.deliverers {
			if t.disk.noted.Has(seq) {
				noted[i] |= 1 << j
			}
		}
	}
	f.mu.Unlock()
	err := f.readAll(seqs, ws, read, noted)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, w := range ws {
		switch {
		case w == nil && f.ledger.records.live.Has(seqs[i]) && err == nil:
			err = fmt.Errorf("write %d is %w", seqs[i], journal.ErrNotFound)
		case w != nil && err != nil:
			// In order: nothing behind what could not be read.
			if read[i] {
				f.dropWrite(w)
			} else {
				f.ledger.release(w)
			}
			ws[i] = nil
		case read[i]:
			if ws[i] = f.ledger.install(w); ws[i] != w {
				f.dropWrite(w)
			}
		}
	}
	return ws, err
}

// readAll fills the gaps in ws with what the journal has, up to the first that can't be read.
func (f *Fanout) readAll(seqs []uint64, ws []*write, read []bool, noted []uint64) error {
	var e journal.Entry
	for i, seq := range seqs {
		if ws[i] != nil {
			continue
		}
		err := f.o.Journal.Read(seq, &e)
		if errors.Is(err, journal.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write %d: %w", seq, err)
		}
		w := f.rebuild(&e)
		if err = f.readNotes(w, noted[i]); err == nil {
			err = f.readRecord(w)
		}
		if err != nil {
			f.dropWrite(w)
			return fmt.Errorf("what is noted of write %d: %w", seq, err)
		}
		ws[i], read[i] = w, true
	}
	return nil
}

// rebuild makes a write of an entry.
func (f *Fanout) rebuild(e *journal.Entry) *write {
	w := f.writes.Get().(*write)
	w.begin(f.deliverers)
	w.setID(e.ID)
	w.seq, w.head, w.keyed, w.order = e.Seq, e.Head, e.Keyed, e.Order
	w.line = append(append(append(w.line, e.Method...), ' '), e.Target...)
	w.methodN = len(e.Method)
	w.accepted = f.mono + e.Accepted - f.wall.UnixNano()
	w.memory = f.buffers.get(len(e.Request))
	w.memory.b = append(w.memory.b, e.Request...)
	w.request, w.size = w.memory.b, int64(len(e.Request))
	w.disclosed = e.Disclosed
	if e.Scope != (journal.Scope{}) {
		w.scoped, w.scope, w.print = true, scope(e.Scope), e.Fingerprint
	}
	return w
}

// readRecord reads what is kept of w for those who ask for it again.
func (f *Fanout) readRecord(w *write) error {
	k, err := f.o.Journal.Kept(w.seq)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	d, err := readDraft(&k)
	if err != nil {
		return err
	}
	w.disclosed = true
	if !w.scoped {
		return nil
	}
	a, err := f.readAnswer(d.answer)
	switch {
	case a == nil:
		return err
	case d.verdict == acknowledged || d.verdict == refused:
		a.shared = true
		a.holders.Store(1)
		w.kept, w.verdict, w.saved = a, d.verdict, max(f.begun(), 1) // 0 would be that it is in no record
	case f.rules.success.Has(a.status):
		w.good = a
	default:
		w.bad = a
	}
	w.size += a.size()
	return nil
}

// readNotes reads what is noted of w's deliveries to the backends in noted.
func (f *Fanout) readNotes(w *write, noted uint64) error {
	for i := range w.deliveries {
		if noted&(1<<i) == 0 {
			continue
		}
		n, err := f.o.Journal.Note(i, w.seq)
		switch {
		case err == nil:
			w.deliveries[i].noted(&n)
		case !errors.Is(err, journal.ErrNotFound):
			return err
		}
	}
	return nil
}

// noted gives d what the journal has noted of it. Its state follows from the backend's sets.
func (d *delivery) noted(n *journal.Note) {
	d.attempts, d.status, d.word, d.reached = int(n.Attempts), int(n.Status), n.Word, n.Reached
	switch n.State {
	case journal.NoteRejected:
		d.state = rejected
	case journal.NoteDropped:
		d.state = dropped
	case journal.NoteNone, journal.NoteOwed, journal.NoteParked:
	}
	if d.attempts > 0 {
		d.firstEnded = true
		if d.attempts == 1 {
			d.firstStatus = d.status
		}
	}
}
