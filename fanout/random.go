package fanout

import (
	"crypto/rand"
	"sync"
)

// randomness hands out bytes of the system's generator, fetched in batches: an id must not
// be guessed, and a system call per write is not needed for that.
type randomness struct {
	mu    sync.Mutex
	batch [4096]byte
	left  int
}

// fill fills p, at most a batch.
func (r *randomness) fill(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left < len(p) {
		_, _ = rand.Read(r.batch[:]) // never fails: crypto/rand ends the process instead
		r.left = len(r.batch)
	}
	fresh := r.batch[len(r.batch)-r.left:][:len(p)]
	copy(p, fresh)
	clear(fresh)
	r.left -= len(p)
}

// identify gives w its id.
func (r *randomness) identify(w *write) {
	var id [16]byte
	r.fill(id[:])
	w.setID(id)
}
