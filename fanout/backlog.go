package fanout

import (
	"slices"

	"tutti/journal"
)

// backlog is what one backend is owed according to the journal. Fanout.mu guards it.
type backlog struct {
	done   journal.Set // of the unsettled writes: those it has, or that were given up for it
	away   journal.Set // owed, and not in memory's queue
	parked journal.Set
	asked  journal.Set // of the owed: it has them, and is asked for a lost answer alone
	noted  journal.Set // the journal has a note about the delivery
	blocks []uint64    // of done, that the journal does not know as they are
	rest   int64       // clock.Now before which nothing is read: the journal failed
	loaded int64       // bytes that were read for what is owed and in memory
	short  bool        // there was no room for more bytes
}

// finished notes that the backend has seq, or that it was given up.
func (b *backlog) finished(seq uint64) {
	b.done.Add(seq)
	b.touch(journal.Block(seq))
}

// touch notes that a block of done has changed.
func (b *backlog) touch(block uint64) {
	if !slices.Contains(b.blocks, block) {
		b.blocks = append(b.blocks, block)
	}
}
