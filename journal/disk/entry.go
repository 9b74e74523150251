package disk

import (
	"encoding/binary"
	"errors"

	"tutti/journal"
)

var errGarbled = errors.New("garbled")

// What an entry has, in its first byte.
const (
	entryKeyed = 1 << iota
	entryHead
	entryDisclosed
	entryOrder
	entryScope
	entryFingerprint
)

func entryFlags(e *journal.Entry) (f byte) {
	for _, has := range []struct {
		flag byte
		is   bool
	}{
		{entryKeyed, e.Keyed},
		{entryHead, e.Head},
		{entryDisclosed, e.Disclosed},
		{entryOrder, e.Order != [16]byte{}},
		{entryScope, e.Scope != journal.Scope{}},
		{entryFingerprint, e.Fingerprint != [16]byte{}},
	} {
		if has.is {
			f |= has.flag
		}
	}
	return f
}

// entrySize is how long an entry is once encoded.
func entrySize(e *journal.Entry) int {
	n := 1 + 8 + 16 + uvarintLen(len(e.Method)) + len(e.Method) + uvarintLen(len(e.Target)) + len(e.Target) + len(e.Request)
	f := entryFlags(e)
	for _, flag := range []byte{entryOrder, entryScope, entryFingerprint} {
		if f&flag != 0 {
			n += 16
		}
	}
	return n
}

func uvarintLen(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// appendEntry encodes e: its first byte, Accepted, ID, what the first byte says there is,
// the length of Method, that, the length of Target, that, and Request.
func appendEntry(to []byte, e *journal.Entry) []byte {
	f := entryFlags(e)
	to = append(to, f)
	to = binary.BigEndian.AppendUint64(to, uint64(e.Accepted))
	to = append(to, e.ID[:]...)
	if f&entryOrder != 0 {
		to = append(to, e.Order[:]...)
	}
	if f&entryScope != 0 {
		to = append(to, e.Scope[:]...)
	}
	if f&entryFingerprint != 0 {
		to = append(to, e.Fingerprint[:]...)
	}
	to = binary.AppendUvarint(to, uint64(len(e.Method)))
	to = append(to, e.Method...)
	to = binary.AppendUvarint(to, uint64(len(e.Target)))
	to = append(to, e.Target...)
	return append(to, e.Request...)
}

// decodeEntry decodes into e, whose memory is used again; nothing of e refers to b.
func decodeEntry(b []byte, seq uint64, e *journal.Entry) error {
	*e = journal.Entry{Seq: seq, Method: e.Method[:0], Target: e.Target[:0], Request: e.Request[:0]}
	if len(b) < 1+8+16 {
		return errGarbled
	}
	f := b[0]
	e.Keyed, e.Head, e.Disclosed = f&entryKeyed != 0, f&entryHead != 0, f&entryDisclosed != 0
	e.Accepted = int64(binary.BigEndian.Uint64(b[1:]))
	copy(e.ID[:], b[9:])
	b = b[25:]
	for _, part := range []struct {
		flag byte
		to   []byte
	}{{entryOrder, e.Order[:]}, {entryScope, e.Scope[:]}, {entryFingerprint, e.Fingerprint[:]}} {
		if f&part.flag == 0 {
			continue
		}
		if len(b) < 16 {
			return errGarbled
		}
		b = b[copy(part.to, b[:16]):]
	}
	for _, part := range []*[]byte{&e.Method, &e.Target} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return errGarbled
		}
		*part = append(*part, b[size:size+int(n)]...)
		b = b[size+int(n):]
	}
	e.Request = append(e.Request, b...)
	return nil
}

// entryScopeOf is the scope of an encoded entry.
func entryScopeOf(b []byte) (s journal.Scope) {
	var e journal.Entry
	if len(b) > 0 && b[0]&entryScope != 0 && decodeEntry(b, 0, &e) == nil {
		s = e.Scope
	}
	return s
}
