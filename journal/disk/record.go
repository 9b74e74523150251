package disk

import (
	"encoding/binary"

	"tutti/journal"
)

const (
	noteReached = 1 << iota
	notePassed
	noteKeyed
)

// appendNote encodes a note: flags, state, attempts, status, Order if it is keyed, Word.
func appendNote(to []byte, n *journal.Note) []byte {
	var flags byte
	if n.Reached {
		flags |= noteReached
	}
	if n.Passed {
		flags |= notePassed
	}
	if n.Keyed {
		flags |= noteKeyed
	}
	to = append(to, flags, byte(n.State))
	to = binary.BigEndian.AppendUint32(to, n.Attempts)
	to = binary.BigEndian.AppendUint16(to, n.Status)
	to = append(to, n.Order[:]...)
	return append(to, n.Word...)
}

func decodeNote(b []byte) (n journal.Note, err error) {
	if len(b) < 2+4+2+16 {
		return n, errGarbled
	}
	n.Reached, n.Passed, n.Keyed = b[0]&noteReached != 0, b[0]&notePassed != 0, b[0]&noteKeyed != 0
	n.State = journal.NoteState(b[1])
	n.Attempts = binary.BigEndian.Uint32(b[2:])
	n.Status = binary.BigEndian.Uint16(b[6:])
	copy(n.Order[:], b[8:])
	n.Word = string(b[24:])
	return n, nil
}

// appendKept encodes a record: Expires, Scope, Data.
func appendKept(to []byte, k *journal.Kept) []byte {
	to = binary.BigEndian.AppendUint64(to, uint64(k.Expires))
	to = append(to, k.Scope[:]...)
	return append(to, k.Data...)
}

// decodeKept decodes a record; Data is part of b.
func decodeKept(b []byte, seq uint64) (k journal.Kept, err error) {
	if len(b) < 8+16 {
		return k, errGarbled
	}
	k = journal.Kept{Seq: seq, Expires: int64(binary.BigEndian.Uint64(b)), Data: b[24:]}
	copy(k.Scope[:], b[8:])
	return k, nil
}

const (
	backendDrained = 1 << iota
	backendHeld
)

// appendBackend encodes what is known of a backend under its name: its number and its flags.
func appendBackend(to []byte, number uint16, drained, held bool) []byte {
	var flags byte
	if drained {
		flags |= backendDrained
	}
	if held {
		flags |= backendHeld
	}
	return append(binary.BigEndian.AppendUint16(to, number), flags)
}

func decodeBackend(b []byte) (number uint16, drained, held bool, err error) {
	if len(b) != 3 {
		return 0, false, false, errGarbled
	}
	return binary.BigEndian.Uint16(b), b[2]&backendDrained != 0, b[2]&backendHeld != 0, nil
}
