package journal

import (
	"math/bits"
	"slices"
)

// BlockSize is how many sequences are in a block.
const BlockSize = 4096

// Bits are a block's sequences: bit i of word j is sequence block*BlockSize + 64*j + i.
type Bits [BlockSize / 64]uint64

// Count is how many are set.
func (b *Bits) Count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// Set is a set of sequences: a bit each, in the blocks where there are any. Its size does not
// depend on how many there are in a block. The zero value is empty. One goroutine at a time.
type Set struct {
	blocks map[uint64]*block
	order  []uint64 // the blocks, ascending
	n      int
}

type block struct {
	n    int
	bits Bits
}

// Block tells which block a sequence is in.
func Block(seq uint64) uint64 { return seq / BlockSize }

// Len is how many there are.
func (s *Set) Len() int { return s.n }

// Has tells whether seq is in s.
func (s *Set) Has(seq uint64) bool {
	b := s.blocks[Block(seq)]
	return b != nil && b.bits[seq%BlockSize/64]&(1<<(seq%64)) != 0
}

// Add puts seq in, and tells whether it was not there.
func (s *Set) Add(seq uint64) bool {
	no := Block(seq)
	b := s.blocks[no]
	if b == nil {
		b = s.make(no)
	}
	word, bit := &b.bits[seq%BlockSize/64], uint64(1)<<(seq%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	b.n++
	s.n++
	return true
}

func (s *Set) make(no uint64) *block {
	if s.blocks == nil {
		s.blocks = make(map[uint64]*block)
	}
	b := new(block)
	s.blocks[no] = b
	if n := len(s.order); n == 0 || s.order[n-1] < no {
		s.order = append(s.order, no)
		return b
	}
	i, _ := slices.BinarySearch(s.order, no)
	s.order = slices.Insert(s.order, i, no)
	return b
}

// Remove takes seq out, and tells whether it was there.
func (s *Set) Remove(seq uint64) bool {
	no := Block(seq)
	b := s.blocks[no]
	if b == nil {
		return false
	}
	word, bit := &b.bits[seq%BlockSize/64], uint64(1)<<(seq%64)
	if *word&bit == 0 {
		return false
	}
	*word &^= bit
	b.n--
	s.n--
	if b.n == 0 {
		s.drop(no)
	}
	return true
}

func (s *Set) drop(no uint64) {
	delete(s.blocks, no)
	if s.order[0] == no {
		s.order = s.order[1:]
		return
	}
	i, _ := slices.BinarySearch(s.order, no)
	s.order = slices.Delete(s.order, i, i+1)
}

// Next is the lowest one that is at least from.
func (s *Set) Next(from uint64) (seq uint64, ok bool) {
	i, found := slices.BinarySearch(s.order, Block(from))
	if !found {
		from = 0
	}
	for ; i < len(s.order); i++ {
		no := s.order[i]
		if at, ok := s.blocks[no].next(from); ok {
			return no*BlockSize + at, true
		}
		from = 0
	}
	return 0, false
}

// next is the lowest one in the block that is at least from%BlockSize.
func (b *block) next(from uint64) (at uint64, ok bool) {
	from %= BlockSize
	mask := ^uint64(0) << (from % 64)
	for j := from / 64; j < uint64(len(b.bits)); j++ {
		if w := b.bits[j] & mask; w != 0 {
			return j*64 + uint64(bits.TrailingZeros64(w)), true
		}
		mask = ^uint64(0)
	}
	return 0, false
}

// Last is the highest one.
func (s *Set) Last() (seq uint64, ok bool) {
	if len(s.order) == 0 {
		return 0, false
	}
	no := s.order[len(s.order)-1]
	b := s.blocks[no]
	for j := len(b.bits) - 1; j >= 0; j-- {
		if w := b.bits[j]; w != 0 {
			return no*BlockSize + uint64(j*64+63-bits.LeadingZeros64(w)), true
		}
	}
	return 0, false
}

// Bits copies a block's bits.
func (s *Set) Bits(no uint64) (b Bits) {
	if have := s.blocks[no]; have != nil {
		b = have.bits
	}
	return b
}

// SetBits replaces a block.
func (s *Set) SetBits(no uint64, b *Bits) {
	have := s.blocks[no]
	n := b.Count()
	switch {
	case have == nil && n == 0:
		return
	case have == nil:
		have = s.make(no)
	}
	s.n += n - have.n
	have.bits, have.n = *b, n
	if n == 0 {
		s.drop(no)
	}
}

// Any tells whether there are any in a block.
func (s *Set) Any(no uint64) bool { return s.blocks[no] != nil }

// Blocks are the blocks in which there are any, ascending. They belong to the set and are good
// until it changes.
func (s *Set) Blocks() []uint64 { return s.order }

// Intersect leaves in s only what is in t, too.
func (s *Set) Intersect(t *Set) {
	for _, no := range slices.Clone(s.order) {
		a, b := s.Bits(no), t.Bits(no)
		for j := range a {
			a[j] &= b[j]
		}
		s.SetBits(no, &a)
	}
}
