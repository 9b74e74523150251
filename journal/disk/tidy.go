package disk

import (
	"time"

	"github.com/cockroachdb/pebble/v2"

	"tutti/journal"
)

const (
	// manyDead is how many dead entries of a block are removed at once: a quarter of it.
	manyDead = journal.BlockSize / 4

	// flushAfter is how long what was removed keeps its space on disk.
	flushAfter = 3 * time.Second
)

// tidy removes what is dead in the blocks that have changed, where it is worth it, and writes them.
func (j *Journal) tidy(b *pebble.Batch) {
	for _, no := range j.scratch.blocks {
		j.tidyBlock(b, no, manyDead)
	}
	j.writeBlocks(b)
}

// tidyBlock removes what is dead in a block: all of it if it is over, as it is when nothing lives in
// it and sequences have gone past it, otherwise if many are dead.
func (j *Journal) tidyBlock(b *pebble.Batch, no uint64, many int) {
	block := j.index.blocks[no]
	if block == nil {
		return
	}
	switch {
	case block.nlive == 0 && no < journal.Block(j.index.last):
		j.dropBlock(b, no)
		return
	case block.ndead >= many:
		begin := no * journal.BlockSize
		block.runs(func(from, to uint64) { removeEntries(b, begin+from, begin+to) })
		block.removed()
	}
	if block.ndead > 0 || block.nlive == 0 {
		j.index.untidy[no] = struct{}{}
	} else {
		delete(j.index.untidy, no)
	}
}

func (j *Journal) dropBlock(b *pebble.Batch, no uint64) {
	var k key
	if j.index.blocks[no].ndead > 0 {
		removeEntries(b, no*journal.BlockSize, (no+1)*journal.BlockSize)
	}
	_ = b.Delete(k.live(no), nil)
	for _, number := range j.index.numbers() {
		_ = b.Delete(k.done(number, no), nil)
	}
	delete(j.index.blocks, no)
	delete(j.index.untidy, no)
}

// removeEntries removes the entries from from to before to, which is 0 after the last there can be.
func removeEntries(b *pebble.Batch, from, to uint64) {
	var k, end key
	switch {
	case to == 0:
		_ = b.DeleteRange(k.entry(from), []byte{entryKey + 1}, nil)
	case to-from == 1:
		_ = b.Delete(k.entry(from), nil)
	default:
		_ = b.DeleteRange(k.entry(from), end.entry(to), nil)
	}
}

// tidyAtOnce is how many blocks are looked at in one batch.
const tidyAtOnce = 64

// tidyRest removes what is dead in blocks where nothing was settled since it last looked.
func (j *Journal) tidyRest() {
	j.order.Lock()
	if j.ready() != nil || len(j.index.untidy) == 0 {
		j.order.Unlock()
		return
	}
	j.index.Lock()
	var rest []uint64
	for no := range j.index.untidy {
		block := j.index.blocks[no]
		switch over := block.nlive == 0 && no < journal.Block(j.index.last); {
		case over, block.still && block.ndead > 0:
			rest = append(rest, no)
		default:
			block.still = true
		}
		if len(rest) == tidyAtOnce {
			break
		}
	}
	if len(rest) == 0 {
		j.index.Unlock()
		j.order.Unlock()
		return
	}
	b := j.store.db.NewBatch()
	j.begin(b, j.index.last)
	for _, no := range rest {
		j.scratch.touch(no)
		j.tidyBlock(b, no, 1)
	}
	j.writeBlocks(b)
	j.index.Unlock()
	_ = j.apply(b, false)
}
