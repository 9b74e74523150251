package demo

import "crypto/sha256"

// generation is how many of the latest Idempotency-Keys a server remembers at least: as many
// as Tutti holds unfinished writes by default.
const generation = 100_000

// memory remembers the latest keys and what was done under them: at least the latest most,
// at most twice as many. Its own memory does not grow once it is in use. It is not safe for
// concurrent use.
type memory struct {
	most           int
	newer, earlier map[keyHash]kind
}

type keyHash [16]byte

func newMemory(most int) *memory { return &memory{most: most} }

func hashOf(key []byte) keyHash {
	sum := sha256.Sum256(key)
	return keyHash(sum[:len(keyHash{})])
}

// find tells whether key is remembered, and for what.
func (m *memory) find(key keyHash) (kind, bool) {
	if k, ok := m.newer[key]; ok {
		return k, true
	}
	k, ok := m.earlier[key]
	return k, ok
}

// add remembers a key that is not.
func (m *memory) add(key keyHash, k kind) {
	if m.newer == nil {
		m.newer, m.earlier = make(map[keyHash]kind, m.most), make(map[keyHash]kind, m.most)
	}
	if len(m.newer) == m.most {
		m.newer, m.earlier = m.earlier, m.newer
		clear(m.newer)
	}
	m.newer[key] = k
}
