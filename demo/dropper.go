package demo

import (
	"math/rand/v2"
	"sync"
)

// dropper decides which writes a flaky server drops.
type dropper struct {
	rate   float64
	mu     sync.Mutex
	random *rand.Rand
}

// drops tells whether to drop the next one.
func (d *dropper) drops() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.Float64() < d.rate
}
