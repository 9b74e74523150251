package fanout

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// ids makes of a sequence and 64 random bits an id that tells nobody either, and of an id its
// sequence again: a write in the journal is found by its id without an index of them all.
type ids struct{ block cipher.Block }

func newIDs(secret [16]byte) (*ids, error) {
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		return nil, err
	}
	return &ids{block}, nil
}

// seal makes the id of a sequence; random are the first 8 bytes of id.
func (s *ids) seal(seq uint64, id *[16]byte) {
	binary.BigEndian.PutUint64(id[8:], seq)
	s.block.Encrypt(id[:], id[:])
}

// open returns the sequence that an id would be of. Whether it is that write's id is for the
// caller to see.
func (s *ids) open(id [16]byte) (seq uint64) {
	s.block.Decrypt(id[:], id[:])
	return binary.BigEndian.Uint64(id[8:])
}

// identify gives w its id, or, with a journal, what of it does not depend on the sequence.
func (f *Fanout) identify(w *write) {
	if f.ids == nil {
		f.random.identify(w)
		return
	}
	f.random.fill(w.id[:8])
}

// sealLocked completes the id of a write that has its sequence.
func (f *Fanout) sealLocked(w *write) {
	if f.ids == nil {
		return
	}
	id := w.id
	f.ids.seal(w.seq, &id)
	w.setID(id)
}
