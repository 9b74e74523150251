package disk

import (
	"encoding/binary"
	"math/bits"

	"tutti/journal"
)

// How bits are written.
const (
	bitsRaw  = 0 // 512 bytes
	bitsRuns = 1 // the lengths of the runs of equal bits, of unset and of set ones in turn
)

const rawSize = journal.BlockSize / 8

// appendBits encodes a block's bits in the shorter way. The decoder sees where they end.
func appendBits(to []byte, b *journal.Bits) []byte {
	begin := len(to)
	to = append(to, bitsRuns)
	set := false
	for at := 0; at < journal.BlockSize; set = !set {
		end := runEnd(b, at, set)
		to = binary.AppendUvarint(to, uint64(end-at))
		at = end
		if len(to)-begin > rawSize {
			return appendRaw(to[:begin], b)
		}
	}
	return to
}

func appendRaw(to []byte, b *journal.Bits) []byte {
	to = append(to, bitsRaw)
	for _, w := range b {
		to = binary.LittleEndian.AppendUint64(to, w)
	}
	return to
}

// runEnd is where the run of bits that are set, or not, ends that begins at at.
func runEnd(b *journal.Bits, at int, set bool) int {
	for at < journal.BlockSize {
		w := b[at/64]
		if set {
			w = ^w
		}
		if w >>= at % 64; w != 0 {
			return at + bits.TrailingZeros64(w)
		}
		at = (at/64 + 1) * 64
	}
	return journal.BlockSize
}

// setRun sets the bits from from to before to.
func setRun(b *journal.Bits, from, to int) {
	for from < to {
		mask := ^uint64(0) << (from % 64)
		end := (from/64 + 1) * 64
		if to < end {
			mask &= 1<<(to%64) - 1
			end = to
		}
		b[from/64] |= mask
		from = end
	}
}

// decodeBits decodes what begins p, and returns the rest of p.
func decodeBits(p []byte, b *journal.Bits) (rest []byte, err error) {
	*b = journal.Bits{}
	if len(p) == 0 {
		return nil, errGarbled
	}
	kind, p := p[0], p[1:]
	switch kind {
	case bitsRaw:
		if len(p) < rawSize {
			return nil, errGarbled
		}
		for j := range b {
			b[j] = binary.LittleEndian.Uint64(p[8*j:])
		}
		return p[rawSize:], nil
	case bitsRuns:
		set := false
		for at := 0; at < journal.BlockSize; set = !set {
			n, size := binary.Uvarint(p)
			if size <= 0 || n > uint64(journal.BlockSize-at) {
				return nil, errGarbled
			}
			if set {
				setRun(b, at, at+int(n))
			}
			at += int(n)
			p = p[size:]
		}
		return p, nil
	}
	return nil, errGarbled
}
