package disk

import (
	"github.com/cockroachdb/pebble/v2"

	"tutti/journal"
)

// Update implements journal.Journal.
func (j *Journal) Update(u *journal.Update) error {
	j.order.Lock()
	if err := j.ready(); err != nil {
		j.order.Unlock()
		return err
	}
	b, err := j.records(u)
	if err != nil {
		j.order.Unlock()
		return err
	}
	j.index.Lock()
	j.addFlags(b, u.Flags)
	j.addSettled(b, u.Settled)
	j.addNotes(b, u.Notes)
	j.addDone(b, u.Done)
	j.tidy(b)
	j.index.Unlock()
	return j.apply(b, u.Sync)
}

// records makes the batch of an update and adds its records: all that can fail, before anything in
// memory changes. If something depends on what is there, the second of the kind has to see what the
// first does.
func (j *Journal) records(u *journal.Update) (b *pebble.Batch, err error) {
	if len(u.Kept) > 0 || len(u.Forget) > 0 {
		b = j.store.db.NewIndexedBatch()
	} else {
		b = j.store.db.NewBatch()
	}
	batch, registered := j.batch, j.registered
	j.begin(b, j.index.last)
	if err := j.addRecords(b, u); err != nil {
		_ = b.Close()
		j.batch, j.registered = batch, registered
		return nil, err
	}
	return b, nil
}

// apply begins a batch's way, under the journal's order, and lets go of that.
func (j *Journal) apply(b *pebble.Batch, synced bool) error {
	number := j.batch
	j.remember(b, synced)
	if synced {
		s, err := j.applySynced(b)
		j.order.Unlock()
		if err != nil || !j.wait(s, b, number) {
			return journal.ErrUncertain
		}
		_ = b.Close()
		return nil
	}
	if err := j.store.db.Apply(b, pebble.NoSync); err != nil {
		j.store.fence.close(err)
	}
	j.order.Unlock()
	signal(j.updated)
	return nil
}

func (j *Journal) addFlags(b *pebble.Batch, flags []journal.Flags) {
	for _, f := range flags {
		be := &j.index.backends[f.Backend]
		be.drained, be.held = f.Drained, f.Held
		j.writeBackend(b, be)
	}
}

// addSettled makes entries dead.
func (j *Journal) addSettled(b *pebble.Batch, settled []uint64) {
	var k key
	for _, seq := range settled {
		no := journal.Block(seq)
		block := j.index.blocks[no]
		if block == nil || !block.has(seq) {
			continue
		}
		block.settle(seq)
		block.still = false
		j.index.live--
		j.scratch.touch(no)
		for number, noted := range j.index.noted {
			if noted.Remove(seq) {
				_ = b.Delete(k.note(number, seq), nil)
			}
		}
	}
}

// addNotes adds what is noted of entries that are there.
func (j *Journal) addNotes(b *pebble.Batch, notes []journal.Noted) {
	var k key
	for i := range notes {
		n := &notes[i]
		block := j.index.blocks[journal.Block(n.Seq)]
		if block == nil || !block.has(n.Seq) {
			continue
		}
		number := j.index.backends[n.Backend].number
		noted := n.Note != journal.Note{}
		if j.index.setNote(number, n.Seq, noted); !noted {
			_ = b.Delete(k.note(number, n.Seq), nil)
			continue
		}
		j.scratch.value = appendNote(j.scratch.value[:0], &n.Note)
		_ = b.Set(k.note(number, n.Seq), j.scratch.value, nil)
	}
}

// addDone adds which of the live entries a backend has.
func (j *Journal) addDone(b *pebble.Batch, blocks []journal.DoneBlock) {
	var k key
	for i := range blocks {
		d := &blocks[i]
		block := j.index.blocks[d.Block]
		if block == nil || block.nlive == 0 {
			continue
		}
		bits := d.Bits
		for w := range bits {
			bits[w] &= block.live[w]
		}
		j.scratch.value = appendBits(j.scratch.value[:0], &bits)
		_ = b.Set(k.done(j.index.backends[d.Backend].number, d.Block), j.scratch.value, nil)
	}
}
