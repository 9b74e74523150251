package disk

import (
	"math/bits"

	"tutti/journal"
)

// block is what is known in memory of the entries of journal.BlockSize sequences. The entries that
// are stored are those that are live and those that are dead: settled, and still taking space.
type block struct {
	live   journal.Bits
	dead   *journal.Bits // nil: none
	scoped *journal.Bits // the live ones that have a scope; nil: none
	nlive  int
	ndead  int
	still  bool // no entry of it was settled since the last look at it
}

func at(seq uint64) (word int, bit uint64) {
	return int(seq % journal.BlockSize / 64), 1 << (seq % 64)
}

func has(b *journal.Bits, seq uint64) bool {
	word, bit := at(seq)
	return b != nil && b[word]&bit != 0
}

func set(b **journal.Bits, seq uint64) {
	if *b == nil {
		*b = new(journal.Bits)
	}
	word, bit := at(seq)
	(*b)[word] |= bit
}

func unset(b *journal.Bits, seq uint64) {
	if b != nil {
		word, bit := at(seq)
		b[word] &^= bit
	}
}

func (b *block) has(seq uint64) bool { return has(&b.live, seq) }

// add makes seq live.
func (b *block) add(seq uint64, scoped bool) {
	if b.has(seq) {
		return
	}
	word, bit := at(seq)
	b.live[word] |= bit
	b.nlive++
	if scoped {
		set(&b.scoped, seq)
	}
}

// settle makes a live seq dead.
func (b *block) settle(seq uint64) {
	word, bit := at(seq)
	b.live[word] &^= bit
	b.nlive--
	set(&b.dead, seq)
	b.ndead++
	unset(b.scoped, seq)
}

// void makes a live seq as if it had never been.
func (b *block) void(seq uint64) {
	if !b.has(seq) {
		return
	}
	b.settle(seq)
	unset(b.dead, seq)
	b.ndead--
}

// removed says that what is dead takes no space any more.
func (b *block) removed() { b.dead, b.ndead = nil, 0 }

// append encodes b: the bits of what is live, dead and scoped; what is missing at the end is none.
func (b *block) append(to []byte) []byte {
	to = appendBits(to, &b.live)
	if b.ndead == 0 && b.scoped == nil {
		return to
	}
	var none journal.Bits
	dead := &none
	if b.dead != nil {
		dead = b.dead
	}
	to = appendBits(to, dead)
	if b.scoped == nil {
		return to
	}
	return appendBits(to, b.scoped)
}

func decodeBlock(p []byte) (*block, error) {
	b := new(block)
	p, err := decodeBits(p, &b.live)
	if err != nil {
		return nil, err
	}
	b.nlive = b.live.Count()
	for _, part := range []**journal.Bits{&b.dead, &b.scoped} {
		if len(p) == 0 {
			break
		}
		*part = new(journal.Bits)
		if p, err = decodeBits(p, *part); err != nil {
			return nil, err
		}
		if (*part).Count() == 0 {
			*part = nil
		}
	}
	if b.dead != nil {
		b.ndead = b.dead.Count()
	}
	if len(p) > 0 {
		return nil, errGarbled
	}
	return b, nil
}

// runs calls remove for the ranges, from from to before to, that no live entry is in and a dead
// one is at the begin and the end of: as few as there can be.
func (b *block) runs(remove func(from, to uint64)) {
	if b.dead == nil {
		return
	}
	for from := nextBit(b.dead, 0); from < journal.BlockSize; {
		end := nextBit(&b.live, from)
		last := lastBit(b.dead, end)
		remove(uint64(from), uint64(last)+1)
		from = nextBit(b.dead, end)
	}
}

// nextBit is the first bit that is set from from on; journal.BlockSize: none.
func nextBit(b *journal.Bits, from int) int { return runEnd(b, from, false) }

// lastBit is the last bit that is set before end. There is one.
func lastBit(b *journal.Bits, end int) int {
	for word := (end - 1) / 64; word >= 0; word-- {
		w := b[word]
		if rest := end - 64*word; rest < 64 {
			w &= 1<<rest - 1
		}
		if w != 0 {
			return 64*word + 63 - bits.LeadingZeros64(w)
		}
	}
	return 0
}
