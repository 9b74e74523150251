package demo

import (
	"math/rand/v2"
	"sync"
)

// dropper decides which writes a flaky server drops: exactly its share of them, at random
// places. It takes one of each run of 1/share writes, so that the ill luck of a single write
// that is sent again and again stays within reason.
type dropper struct {
	rate   float64
	mu     sync.Mutex
	random *rand.Rand
	seen   float64 // how much of the run is over
	at     float64 // where in the run the one to take is
}

func newDropper(rate float64, random *rand.Rand) *dropper {
	return &dropper{rate: rate, random: random, at: random.Float64()}
}

// drops tells whether to drop the next one.
func (d *dropper) drops() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rate > 0.5 {
		return !d.takes(1 - d.rate)
	}
	return d.takes(d.rate)
}

// takes tells whether the next one belongs to the share, which is at most a half.
func (d *dropper) takes(share float64) bool {
	if share <= 0 {
		return false
	}
	from := d.seen
	d.seen += share
	taken := from <= d.at && d.at < d.seen
	if d.seen >= 1 { // the next run, which may take this one, too
		d.seen--
		d.at = d.random.Float64()
		taken = taken || d.at < d.seen
	}
	return taken
}
