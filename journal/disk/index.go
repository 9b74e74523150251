package disk

import (
	"sync"

	"tutti/journal"
)

// index is what is known in memory: which entries there are, which deliveries have a note. Whoever
// holds the journal's order may read it; changing it takes its lock too, and so does everybody
// else's reading.
type index struct {
	sync.RWMutex
	blocks   map[uint64]*block
	untidy   map[uint64]struct{}     // those where something is dead or nothing lives
	noted    map[uint16]*journal.Set // by backend
	backends []backend               // State.Backends, in that order
	gone     []backend               // known, not of those, and owed something
	clean    []backend               // known, not of those, and owed nothing
	live     int
	last     uint64 // the highest sequence ever used
}

// backend is one as it is known.
type backend struct {
	name    string
	number  uint16
	drained bool
	held    bool
}

func newIndex() *index {
	return &index{blocks: map[uint64]*block{}, untidy: map[uint64]struct{}{}, noted: map[uint16]*journal.Set{}}
}

// has tells whether an entry is there.
func (x *index) has(seq uint64) bool {
	x.RLock()
	defer x.RUnlock()
	b := x.blocks[journal.Block(seq)]
	return b != nil && b.has(seq)
}

// note tells whether an entry is there and something noted of its delivery to a backend.
func (x *index) note(seq uint64, number uint16) (there, noted bool) {
	x.RLock()
	defer x.RUnlock()
	b := x.blocks[journal.Block(seq)]
	return b != nil && b.has(seq), x.of(number).Has(seq)
}

// of are the notes of a backend.
func (x *index) of(number uint16) *journal.Set {
	if s := x.noted[number]; s != nil {
		return s
	}
	return new(journal.Set)
}

// add makes an entry live, and returns its block.
func (x *index) add(seq uint64, scoped bool) uint64 {
	no := journal.Block(seq)
	b := x.blocks[no]
	if b == nil {
		b = new(block)
		x.blocks[no] = b
	}
	before := b.nlive
	b.add(seq, scoped)
	x.live += b.nlive - before
	x.last = max(x.last, seq)
	return no
}

// void forgets an entry that was refused.
func (x *index) void(seq uint64) {
	b := x.blocks[journal.Block(seq)]
	if b == nil || !b.has(seq) {
		return
	}
	b.void(seq)
	x.live--
}

// setNote says whether something is noted of a delivery.
func (x *index) setNote(number uint16, seq uint64, noted bool) {
	s := x.noted[number]
	if s == nil {
		s = new(journal.Set)
		x.noted[number] = s
	}
	if noted {
		s.Add(seq)
	} else {
		s.Remove(seq)
	}
}

// numbers are those of all backends that anything may be written of.
func (x *index) numbers() []uint16 {
	all := make([]uint16, 0, len(x.backends)+len(x.gone))
	for _, b := range x.backends {
		all = append(all, b.number)
	}
	for _, b := range x.gone {
		all = append(all, b.number)
	}
	return all
}
