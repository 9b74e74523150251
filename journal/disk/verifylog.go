package disk

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
)

// Pebble's log: blocks of chunks, of which records are made, of which each is a batch. A chunk is
// its checksum (4 bytes), its length (2), its kind (1), the log's number (4), up to where the log was
// known to be on disk when it was written (8), and a part of a record. See Pebble's package record.
const (
	logBlock  = 32 << 10
	logHeader = 4 + 2 + 1 + 4 + 8
	eofHeader = 4 + 2 + 1 + 4
)

// The kinds of chunks.
const (
	chunkEOF    = 5 // if the log's number is the next one
	chunkFull   = 9
	chunkFirst  = 10
	chunkMiddle = 11
	chunkLast   = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// logSum is the checksum of what follows a chunk's length.
func logSum(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// logFile is a log as it was read.
type logFile struct {
	name   string
	number uint32
	b      []byte
}

// chunk is what a chunk says.
type chunk struct {
	at      int
	end     int
	kind    byte
	synced  uint64
	payload []byte
}

// chunk reads the chunk at an offset.
func (l *logFile) chunk(at int) (c chunk, ok bool) {
	left := logBlock - at%logBlock
	if left < logHeader || at+logHeader > len(l.b) {
		return c, false
	}
	h := l.b[at:]
	length := int(binary.LittleEndian.Uint16(h[4:]))
	c = chunk{at: at, end: at + logHeader + length, kind: h[6], synced: binary.LittleEndian.Uint64(h[11:])}
	if c.kind < chunkFull || c.kind > chunkLast || binary.LittleEndian.Uint32(h[7:]) != l.number ||
		logHeader+length > left || c.end > len(l.b) {
		return c, false
	}
	c.payload = l.b[at+logHeader : c.end]
	return c, binary.LittleEndian.Uint32(h) == logSum(l.b[at+6:c.end])
}

// next is where the chunk after an offset begins: what is too short for one at a block's end is skipped.
func (l *logFile) next(at int) int {
	if left := logBlock - at%logBlock; left < logHeader {
		for _, b := range l.b[at:min(at+left, len(l.b))] {
			if b != 0 {
				return at
			}
		}
		return at + left
	}
	return at
}

// ended tells whether the log was ended at an offset.
func (l *logFile) ended(at int) bool {
	if at >= len(l.b) {
		return true
	}
	if at+eofHeader > len(l.b) {
		return false
	}
	h := l.b[at:]
	return h[6] == chunkEOF && binary.LittleEndian.Uint32(h[7:]) == l.number+1
}

// record reads the record at an offset; bad is where it can't be.
func (l *logFile) record(at int) (record []byte, synced uint64, end, bad int) {
	for first := true; ; first = false {
		at = l.next(at)
		c, ok := l.chunk(at)
		begins := c.kind == chunkFull || c.kind == chunkFirst
		if !ok || begins != first {
			return nil, 0, at, at
		}
		record = append(record, c.payload...)
		synced = max(synced, c.synced)
		at = c.end
		if c.kind == chunkFull || c.kind == chunkLast {
			return record, synced, at, -1
		}
	}
}

// verify reads the log and returns the last batch in it; 0: there is none. Where it can't be read on
// is its end, unless something behind it says that this was on disk.
func (l *logFile) verify() (last uint64, err error) {
	at := 0
	for !l.ended(l.next(at)) {
		record, _, end, bad := l.record(at)
		if bad >= 0 {
			return last, l.behind(bad, last)
		}
		c, ok := linkOf(record)
		if !ok {
			return last, fmt.Errorf("damaged: what %s holds at offset %d is not a journal's", l.name, at)
		}
		last, at = c.last, end
	}
	return last, nil
}

// behind looks for evidence that what can't be read at bad, behind batch last, was on disk: Pebble
// looks for it too, but not in the same block, and its writer forgets to count what it wrote in whole
// blocks.
func (l *logFile) behind(bad int, last uint64) error {
	for at := bad + 1; at+logHeader <= len(l.b); at++ {
		if kind := l.b[at+6]; kind != chunkFull && kind != chunkFirst {
			continue
		}
		record, synced, _, broken := l.record(at)
		if broken >= 0 {
			continue
		}
		c, ok := linkOf(record)
		if synced > uint64(bad) || ok && last > 0 && c.synced > last {
			return fmt.Errorf("damaged: %s can't be read at offset %d, but batch %d behind it says that this was on disk", l.name, bad, c.last)
		}
	}
	return nil
}

// linkOf is the link of a batch.
func linkOf(record []byte) (c chain, ok bool) {
	if len(record) < batchrepr.HeaderLen {
		return c, false
	}
	r := batchrepr.Read(record)
	kind, key, value, ok, err := r.Next()
	if err != nil || !ok || kind != pebble.InternalKeyKindMerge || string(key) != string(chainKey) {
		return c, false
	}
	c, err = decodeChain(value)
	return c, err == nil
}
