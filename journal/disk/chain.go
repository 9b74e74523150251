package disk

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// chain is what all batches say together. Each is numbered and merges its link into one key, so
// that a batch which is missing in the middle is noticed: Pebble checks what it reads of its log,
// but not that all of the log is there.
type chain struct {
	first, last uint64 // the batches, one after the other
	synced      uint64 // the last one that was known to be on disk when the last was written
	seq         uint64 // the highest sequence ever used
	gap         uint64 // the batch that is missing first; 0: none is
}

const linkSize = 5 * 8

// link is what a batch merges.
func link(batch, synced, seq uint64) chain {
	return chain{first: batch, last: batch, synced: synced, seq: seq}
}

func (c chain) append(to []byte) []byte {
	for _, n := range []uint64{c.first, c.last, c.synced, c.seq, c.gap} {
		to = binary.BigEndian.AppendUint64(to, n)
	}
	return to
}

func decodeChain(b []byte) (c chain, err error) {
	if len(b) != linkSize {
		return c, errGarbled
	}
	for _, n := range []*uint64{&c.first, &c.last, &c.synced, &c.seq, &c.gap} {
		*n = binary.BigEndian.Uint64(b)
		b = b[8:]
	}
	return c, nil
}

// then is c with what followed it. It is associative.
func (c chain) then(d chain) chain {
	gap := c.gap
	switch {
	case gap != 0:
	case d.first != c.last+1:
		gap = c.last + 1
	default:
		gap = d.gap
	}
	return chain{first: c.first, last: d.last, synced: d.synced, seq: max(c.seq, d.seq), gap: gap}
}

// merger is how Pebble merges chains. Its name is part of the format.
func merger() *pebble.Merger {
	return &pebble.Merger{
		Name: "tutti.journal.chain",
		Merge: func(key, value []byte) (pebble.ValueMerger, error) {
			if string(key) != string(chainKey) {
				return nil, fmt.Errorf("key %q is not merged", key)
			}
			c, err := decodeChain(value)
			if err != nil {
				return nil, err
			}
			return &chainMerger{c}, nil
		},
	}
}

type chainMerger struct{ chain chain }

func (m *chainMerger) MergeNewer(value []byte) error {
	c, err := decodeChain(value)
	m.chain = m.chain.then(c)
	return err
}

func (m *chainMerger) MergeOlder(value []byte) error {
	c, err := decodeChain(value)
	m.chain = c.then(m.chain)
	return err
}

func (m *chainMerger) Finish(bool) ([]byte, io.Closer, error) {
	return m.chain.append(make([]byte, 0, linkSize)), nil, nil
}
