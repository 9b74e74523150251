package demo

import "crypto/sha256"

// maxKeys is how many Idempotency-Keys a server remembers: more than Tutti holds unfinished
// writes by default.
const maxKeys = 1 << 17

// memory remembers the latest keys and what was done under them. It is not safe for concurrent use.
type memory struct {
	most   int
	done   map[keyHash]kind
	oldest int // in ring, once it is full
	ring   []keyHash
}

type keyHash [16]byte

func newMemory(most int) *memory {
	return &memory{most: most, done: map[keyHash]kind{}}
}

func hashOf(key []byte) keyHash {
	sum := sha256.Sum256(key)
	return keyHash(sum[:len(keyHash{})])
}

// find tells whether key is remembered, and for what.
func (m *memory) find(key keyHash) (kind, bool) {
	k, ok := m.done[key]
	return k, ok
}

// add remembers a key that is not, and forgets the oldest when there are too many.
func (m *memory) add(key keyHash, k kind) {
	m.done[key] = k
	if len(m.ring) < m.most {
		m.ring = append(m.ring, key)
		return
	}
	delete(m.done, m.ring[m.oldest])
	m.ring[m.oldest] = key
	m.oldest = (m.oldest + 1) % m.most
}
