package disk

import (
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// scratch is memory for making a batch, used again under the journal's order.
type scratch struct {
	value  []byte
	blocks []uint64 // that have changed
}

// touch notes that a block has changed.
func (s *scratch) touch(no uint64) {
	if n := len(s.blocks); n > 0 && s.blocks[n-1] == no || slices.Contains(s.blocks, no) {
		return
	}
	s.blocks = append(s.blocks, no)
}

// writeBlocks adds the blocks that have changed to a batch.
func (j *Journal) writeBlocks(b *pebble.Batch) {
	var k key
	for _, no := range j.scratch.blocks {
		if block := j.index.blocks[no]; block != nil {
			j.scratch.value = block.append(j.scratch.value[:0])
			_ = b.Set(k.live(no), j.scratch.value, nil)
		}
	}
	j.scratch.blocks = j.scratch.blocks[:0]
}

func appendSeq(to []byte, seq uint64) []byte { return binary.BigEndian.AppendUint64(to, seq) }

func decodeSeq(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, errGarbled
	}
	return binary.BigEndian.Uint64(b), nil
}
