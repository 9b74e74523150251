package fanout

import (
	"errors"
	"slices"
	"time"

	"tutti/clock"
	"tutti/journal"
)

// keepEvery is how long what became of deliveries is gathered before the journal is told.
// keepPause follows when it could not be told.
const (
	keepEvery = 20 * time.Millisecond
	keepPause = time.Second
)

// keeper is what the goroutine that tells the journal what became of deliveries works with. What
// it has not told when the process dies is delivered again.
type keeper struct {
	wake chan struct{} // of one: there is something to tell, or somebody waits for it

	// Fanout.mu guards these.
	begun   uint64      // updates
	done    uint64      // the last one that is on disk, and all before with it
	waiting []chan bool // told whether the next one is on disk; each of one

	// Of the goroutine, and of Close when that has ended.
	u      journal.Update
	told   []*delivery // of which u tells
	passed []pass      // likewise
	kept   []*write    // likewise
	drafts []draft
	blocks []uint64 // of which all may be settled once no more can come
}

// expireEvery is the least time between two looks whether records are over.
const expireEvery = time.Second

// keep runs until quit, when Close tells the rest.
func (f *Fanout) keep() {
	tell, expire := time.NewTimer(time.Hour), time.NewTimer(0)
	defer tell.Stop()
	defer expire.Stop()
	for {
		select {
		case <-f.keeper.wake:
			if !f.awaited() {
				tell.Reset(keepEvery)
			} else if f.tellJournal() {
				tell.Reset(keepPause)
			}
		case <-tell.C:
			if f.tellJournal() {
				tell.Reset(keepPause)
			}
		case <-expire.C:
			expire.Reset(f.expireRecords())
		case <-f.quit:
			return
		}
	}
}

// expireRecords has the journal forget records whose time is over, and returns when to look again.
func (f *Fanout) expireRecords() time.Duration {
	now := f.wallTime(clock.Now()).UnixNano()
	due, err := f.o.Journal.Expire(now)
	if err != nil || due == 0 {
		return max(min(f.o.KeepFor, time.Minute), expireEvery) // of a record that is not there yet
	}
	if due <= now {
		return keepEvery // there are more
	}
	return max(time.Duration(due-now), expireEvery)
}

// awaited tells whether somebody waits for the next update.
func (f *Fanout) awaited() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.keeper.waiting) > 0
}

// flush returns when an update is on disk: that with this number, of keeper.begun, or a later
// one. Those who wait at the same time share it. False: it could not be done.
func (f *Fanout) flush(update uint64) bool {
	done := make(chan bool, 1)
	f.mu.Lock()
	if update != 0 && f.keeper.done >= update {
		f.mu.Unlock()
		return true
	}
	f.keeper.waiting = append(f.keeper.waiting, done)
	f.mu.Unlock()
	poke(f.keeper.wake)
	select {
	case ok := <-done:
		return ok
	case <-f.quit:
		return false
	}
}

// tellJournal tells the journal what it does not know, and those who wait for that. It returns
// true when that could not be done, and it is to be tried again.
func (f *Fanout) tellJournal() (again bool) {
	k := &f.keeper
	f.mu.Lock()
	waiting := k.waiting
	k.waiting = nil
	again = !f.updateLocked(len(waiting) > 0 || f.closed || len(f.ledger.lanes.barred) > 0)
	f.unlock()
	for _, done := range waiting {
		done <- !again
	}
	return again
}

// updateLocked makes an update. It gives the lock back while the journal has it.
func (f *Fanout) updateLocked(sync bool) bool {
	k := &f.keeper
	k.begun++
	f.gatherLocked(sync)
	begun, barrings := k.begun, f.ledger.lanes.barrings.Load()
	f.mu.Unlock()
	err := f.writeUpdate()
	f.mu.Lock()
	if err != nil {
		f.ungatherLocked()
		f.notes = append(f.notes, note{what: noteJournal, err: err})
		return false
	}
	f.toldLocked()
	if sync {
		k.done = begun
		f.ledger.lanes.unbar(barrings, clock.Now())
	}
	return true
}

// writeUpdate completes the update and hands it to the journal.
func (f *Fanout) writeUpdate() error {
	k := &f.keeper
	k.u.Kept = k.u.Kept[:0]
	for i := range k.drafts {
		k.u.Kept = append(k.u.Kept, k.drafts[i].record(f))
	}
	clear(k.drafts)
	if err := f.notePassed(); err != nil {
		return err
	}
	return f.o.Journal.Update(&k.u)
}

// gatherLocked makes the update of all that the journal does not know.
func (f *Fanout) gatherLocked(sync bool) {
	k, r := &f.keeper, f.ledger.records
	u := &k.u
	u.Done, u.Notes, u.Sync = u.Done[:0], u.Notes[:0], sync
	for i, t := range f.deliverers {
		for _, block := range t.disk.blocks {
			u.Done = append(u.Done, journal.DoneBlock{Backend: i, Block: block, Bits: t.disk.done.Bits(block)})
		}
		t.disk.blocks = t.disk.blocks[:0]
	}
	u.Settled, r.settled = r.settled, u.Settled[:0]
	k.passed = k.passed[:0]
	for _, p := range r.passed {
		if w := r.bySeq[p.seq]; w != nil {
			r.note(&w.deliveries[p.backend])
		} else {
			k.passed = append(k.passed, p)
		}
	}
	r.passed = r.passed[:0]
	k.told, r.dirty = r.dirty, k.told[:0]
	for _, d := range k.told {
		d.dirty = false // it may become so again meanwhile
		if !r.live.Has(d.w.seq) {
			continue // notes go with the entry
		}
		u.Notes = append(u.Notes, journal.Noted{Backend: d.to.index, Seq: d.w.seq, Note: d.toNote()})
		d.to.disk.noted.Add(d.w.seq)
	}
	k.kept, r.keeping = r.keeping, k.kept[:0]
	k.drafts = k.drafts[:0]
	now := clock.Now()
	for _, w := range k.kept {
		w.keeping = false
		k.drafts = append(k.drafts, f.draftLocked(w, now))
		if w.kept != nil && w.saved == 0 {
			w.saved = k.begun
		}
	}
	r.pending = false
}

// passedLocked has the journal told which parked deliveries were overtaken.
func (f *Fanout) passedLocked(backend int, seqs []uint64) {
	r := f.ledger.records
	if r == nil || len(seqs) == 0 {
		return
	}
	for _, seq := range seqs {
		r.passed = append(r.passed, pass{backend, seq})
	}
	r.stir()
}

// notePassed completes the update by the notes of those that were overtaken and are not in memory.
func (f *Fanout) notePassed() error {
	k := &f.keeper
	for _, p := range k.passed {
		n, err := f.o.Journal.Note(p.backend, p.seq)
		switch {
		case err == nil:
			n.Passed = true
			k.u.Notes = append(k.u.Notes, journal.Noted{Backend: p.backend, Seq: p.seq, Note: n})
		case !errors.Is(err, journal.ErrNotFound):
			return err
		}
	}
	return nil
}

// ungatherLocked takes back an update that failed.
func (f *Fanout) ungatherLocked() {
	k, r := &f.keeper, f.ledger.records
	for i := range k.u.Done {
		f.deliverers[k.u.Done[i].Backend].disk.touch(k.u.Done[i].Block)
	}
	r.settled = append(r.settled, k.u.Settled...)
	r.passed = append(r.passed, k.passed...)
	for _, d := range k.told {
		if !d.dirty {
			d.dirty = true
			r.dirty = append(r.dirty, d)
			continue
		}
		d.w.dirty--
		f.ledger.release(d.w)
	}
	for _, w := range k.kept {
		if w.saved == k.begun {
			w.saved = 0
		}
		if !w.keeping {
			w.keeping = true
			r.keeping = append(r.keeping, w)
			continue
		}
		w.dirty--
		f.ledger.release(w)
	}
	r.pending = true
}

// toldLocked gives up what was kept for the sake of an update.
func (f *Fanout) toldLocked() {
	k := &f.keeper
	for _, d := range k.told {
		d.w.dirty--
		f.ledger.release(d.w)
	}
	for _, w := range k.kept {
		w.dirty--
		if w.class == classSettled && !w.keeping {
			f.ledger.unlink(w)
		}
		f.ledger.release(w)
	}
	for _, seq := range k.u.Settled {
		for _, t := range f.deliverers {
			t.disk.noted.Remove(seq)
		}
	}
	for i := range k.u.Done {
		if block := k.u.Done[i].Block; !slices.Contains(k.blocks, block) {
			k.blocks = append(k.blocks, block)
		}
	}
	k.blocks = slices.DeleteFunc(k.blocks, f.forgetBlockLocked)
}

// forgetBlockLocked forgets which backends have the writes of a block, when all are settled
// and no more will come. It tells whether that is so, or the block will be heard of again.
func (f *Fanout) forgetBlockLocked(block uint64) bool {
	r := f.ledger.records
	switch {
	case r.live.Any(block):
		return true
	case block == journal.Block(f.ledger.seq) || r.arriving.Any(block):
		return false
	}
	var none journal.Bits
	for _, t := range f.deliverers {
		t.disk.done.SetBits(block, &none)
	}
	return true
}

// toNote is what the journal has to know of d.
func (d *delivery) toNote() journal.Note {
	n := journal.Note{
		Attempts: uint32(d.attempts), Status: uint16(d.status), Word: d.word, Reached: d.reached,
		Keyed: d.w.keyed, Order: d.w.order,
	}
	switch d.state {
	case parked:
		n.State, n.Passed = journal.NoteParked, overtaken(d)
	case rejected:
		n.State = journal.NoteRejected
	case dropped:
		n.State = journal.NoteDropped
	case sending, waiting:
		n.State = journal.NoteOwed
		if d.dropping {
			n.State = journal.NoteDropped
		}
	case delivered:
		n.State = journal.NoteOwed // that it is done is in the sets
	}
	return n
}
