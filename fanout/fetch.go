package fanout

import (
	"errors"
	"fmt"

	"tutti/journal"
)

// maxFetch is how many bytes of writes are read from the journal in one go, a large one apart.
const maxFetch = 64 << 10

// fetched is one of the writes that are fetched together.
type fetched struct {
	w     *write // there already, or as the journal has it; nil: it has none
	read  bool   // it is not there yet
	noted uint64 // a bit for each backend of which the journal has a note
	since int    // of the reading
}

// fetchOne is fetch for one write.
func (f *Fanout) fetchOne(seq uint64) (*write, error) {
	ws, err := f.fetch([]uint64{seq}, 0)
	if err != nil {
		return nil, err
	}
	return ws[0], nil
}

// fetch returns the writes of seqs, read from the journal where they are not in memory, each
// with a reference for the caller; nil for one that is settled. They are at least one, and end
// with that with which most bytes are read. After an error those before the first that
// could not be read are there.
func (f *Fanout) fetch(seqs []uint64, most int64) (ws []*write, err error) {
	for len(ws) == 0 && err == nil {
		got := f.seek(seqs)
		n, failure := f.readSome(seqs, got, most)
		ws, err = f.bring(seqs, got, n, failure)
	}
	return ws, err
}

// seek finds those of seqs that are in memory.
func (f *Fanout) seek(seqs []uint64) []fetched {
	got := make([]fetched, len(seqs))
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, seq := range seqs {
		g := &got[i]
		if g.w = f.ledger.records.bySeq[seq]; g.w != nil {
			g.w.refs++
			continue
		}
		g.read, g.noted, g.since = true, f.notedLocked(seq), f.ledger.beginRead(seq)
	}
	return got
}

// notedLocked has a bit for each backend to which the delivery of seq is noted.
func (f *Fanout) notedLocked(seq uint64) (noted uint64) {
	for i, t := range f.deliverers {
		if t.disk.noted.Has(seq) {
			noted |= 1 << i
		}
	}
	return noted
}

// readSome reads those that are not in memory, and returns with how many of them it is done.
func (f *Fanout) readSome(seqs []uint64, got []fetched, most int64) (n int, err error) {
	var e journal.Entry
	for i := range got {
		g := &got[i]
		if !g.read {
			continue
		}
		if g.w, err = f.read(seqs[i], g.noted, &e); err != nil {
			return i, err
		}
		if g.w == nil {
			continue
		}
		if most -= g.w.size; most <= 0 {
			return i + 1, nil
		}
	}
	return len(got), nil
}

// read reads a write from the journal; nil: it is not there. e is scratch.
func (f *Fanout) read(seq, noted uint64, e *journal.Entry) (*write, error) {
	w, err := f.readState(seq, noted, e)
	if w == nil {
		return nil, err
	}
	if err := f.readRecord(w); err != nil {
		f.dropWrite(w)
		return nil, fmt.Errorf("the record of write %d: %w", seq, err)
	}
	w.memory = f.buffers.get(len(e.Request))
	w.memory.b = append(w.memory.b, e.Request...)
	w.request = w.memory.b
	w.size += int64(len(e.Request))
	return w, nil
}

// readState reads all of a write that pages show; nil: it is not there. Its request is in e alone.
func (f *Fanout) readState(seq, noted uint64, e *journal.Entry) (*write, error) {
	err := f.o.Journal.Read(seq, e)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("write %d: %w", seq, err)
	}
	w := f.rebuild(e)
	if err := f.readNotes(w, noted); err != nil {
		f.dropWrite(w)
		return nil, fmt.Errorf("what is noted of write %d: %w", seq, err)
	}
	return w, nil
}

// bring has the first n of what was read in memory, as far as that is what there is, and gives
// the others up. err is why no more were read.
func (f *Fanout) bring(seqs []uint64, got []fetched, n int, err error) ([]*write, error) {
	ws := make([]*write, 0, n)
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &f.ledger
	for i, seq := range seqs {
		g := &got[i]
		if g.read && !l.endRead(seq, g.since) && l.records.bySeq[seq] == nil {
			n = min(n, i) // and in order: nothing behind it
		}
		if i < n && g.w == nil && l.records.live.Has(seq) {
			n, err = i, fmt.Errorf("write %d is %w", seq, journal.ErrNotFound)
		}
		switch w := g.w; {
		case w == nil && i < n:
			ws = append(ws, nil)
		case w == nil:
		case i >= n && g.read:
			f.dropWrite(w)
		case i >= n:
			l.release(w)
		case g.read:
			if w = l.install(g.w); w != g.w {
				f.dropWrite(g.w)
			}
			ws = append(ws, w)
		default:
			ws = append(ws, w)
		}
	}
	return ws, err
}
