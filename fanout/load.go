package fanout

import (
	"errors"
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
	seqs, most := f.nextAway(t)
	if len(seqs) == 0 {
		return false
	}
	ws, err := f.fetch(seqs, most)
	now := clock.Now()
	f.mu.Lock()
	defer f.unlock()
	if err != nil {
		t.disk.rest = now + int64(loadPause)
		f.notes = append(f.notes, note{what: noteJournal, backend: t.b.Name(), err: err})
	}
	for _, w := range ws {
		if w == nil {
			continue
		}
		if d := &w.deliveries[t.index]; d.away {
			f.ledger.approach(d, len(f.deliverers), now)
			d.loaded = w.size
			t.disk.loaded += d.loaded
		}
		f.ledger.release(w)
	}
	return true // after an error not for long: begin says until when
}

// nextAway is what t is to have next, in order, as far as there is room for it, and how many bytes
// of it: one write in any case when there is none.
func (f *Fanout) nextAway(t *deliverer) (seqs []uint64, most int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	away := &t.disk.away
	t.disk.short = false
	if f.closed || away.Len() == 0 || t.near > f.window/2 || clock.Now() < t.disk.rest {
		return nil, 0
	}
	most = min(f.windowBytes-t.disk.loaded, f.ledger.maxBytes-f.ledger.bytes, maxFetch)
	if t.near > 0 && most <= 0 {
		t.disk.short = true
		return nil, 0
	}
	n := min(loadSize, f.window-t.near)
	seqs = t.seqs[:0]
	for seq, ok := away.Next(0); ok && len(seqs) < n; seq, ok = away.Next(seq + 1) {
		if w := f.ledger.records.bySeq[seq]; w != nil && w.composing || f.ledger.records.arriving.Has(seq) {
			break // in order: what is not accepted yet, or not whole, has to come first
		}
		seqs = append(seqs, seq)
	}
	t.seqs = seqs
	return seqs, most
}

// rebuild makes a write of an entry, but for its request.
func (f *Fanout) rebuild(e *journal.Entry) *write {
	w := f.writes.Get().(*write)
	w.begin(f.deliverers)
	w.setID(e.ID)
	w.seq, w.head, w.keyed, w.order = e.Seq, e.Head, e.Keyed, e.Order
	w.line = append(append(append(w.line, e.Method...), ' '), e.Target...)
	w.methodN = len(e.Method)
	w.accepted = f.mono + e.Accepted - f.wall.UnixNano()
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
	if parkedUnreached(n) {
		d.attempts = 0 // counted afresh: it is owed again since the start
	}
}
