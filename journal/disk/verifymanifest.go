package disk

import (
	"encoding/binary"
	"fmt"
)

// Pebble's manifest: chunks as a log's, of the older kind: a checksum (4 bytes), a length (2), a kind
// (1) and a part of a record. Each record was on disk before the next was written.
const (
	manifestHeader = 4 + 2 + 1
	manifestFull   = 1
	manifestLast   = 4
)

// manifestChunk reads the chunk at an offset of a manifest.
func manifestChunk(b []byte, at int) (end int, ok bool) {
	left := logBlock - at%logBlock
	if left < manifestHeader || at+manifestHeader > len(b) {
		return at, false
	}
	length := int(binary.LittleEndian.Uint16(b[at+4:]))
	end = at + manifestHeader + length
	if kind := b[at+6]; kind < manifestFull || kind > manifestLast || manifestHeader+length > left || end > len(b) {
		return at, false
	}
	return end, binary.LittleEndian.Uint32(b[at:]) == logSum(b[at+6:end])
}

// verifyManifest finds damage that Pebble would take for the manifest's end.
func verifyManifest(name string, b []byte) error {
	at := 0
	for at < len(b) {
		if logBlock-at%logBlock < manifestHeader {
			at += logBlock - at%logBlock
			continue
		}
		end, ok := manifestChunk(b, at)
		if !ok {
			break
		}
		at = end
	}
	if at == 0 {
		return fmt.Errorf("damaged: %s can't be read at offset 0", name)
	}
	for behind := at + 1; behind < len(b); behind++ {
		if _, ok := manifestChunk(b, behind); ok {
			return fmt.Errorf("damaged: %s can't be read at offset %d, and goes on behind it", name, at)
		}
	}
	return nil
}
