package disk

import (
	"encoding/binary"

	"tutti/journal"
)

// The first byte of a key.
const (
	noteKey    = 'a'
	backendKey = 'b'
	doneKey    = 'd'
	dueKey     = 'e'
	keptKey    = 'f'
	scopeKey   = 'k'
	liveKey    = 's'
	entryKey   = 'w'
)

var (
	chainKey  = []byte("m/chain")
	secretKey = []byte("m/secret")
)

// key makes keys, in memory of its own that the next one uses again.
type key [1 + 8 + 16]byte

func (k *key) seq(first byte, seq uint64) []byte {
	k[0] = first
	binary.BigEndian.PutUint64(k[1:], seq)
	return k[:9]
}

func (k *key) entry(seq uint64) []byte  { return k.seq(entryKey, seq) }
func (k *key) live(block uint64) []byte { return k.seq(liveKey, block) }
func (k *key) kept(seq uint64) []byte   { return k.seq(keptKey, seq) }

func (k *key) of(first byte, backend uint16, n uint64) []byte {
	k[0] = first
	binary.BigEndian.PutUint16(k[1:], backend)
	binary.BigEndian.PutUint64(k[3:], n)
	return k[:11]
}

func (k *key) note(backend uint16, seq uint64) []byte   { return k.of(noteKey, backend, seq) }
func (k *key) done(backend uint16, block uint64) []byte { return k.of(doneKey, backend, block) }

// due is ordered by time; expires is not negative.
func (k *key) due(expires int64, seq uint64) []byte {
	k[0] = dueKey
	binary.BigEndian.PutUint64(k[1:], uint64(expires))
	binary.BigEndian.PutUint64(k[9:], seq)
	return k[:17]
}

func (k *key) scope(s journal.Scope) []byte {
	k[0] = scopeKey
	return k[:1+copy(k[1:], s[:])]
}

// ofBackend are the bounds of everything of a backend under a first byte.
func ofBackend(first byte, backend uint16) (from, to []byte) {
	from = binary.BigEndian.AppendUint16([]byte{first}, backend)
	if backend == 1<<16-1 {
		return from, []byte{first + 1}
	}
	return from, binary.BigEndian.AppendUint16([]byte{first}, backend+1)
}

// all are the bounds of everything under a first byte.
func all(first byte) (from, to []byte) { return []byte{first}, []byte{first + 1} }
