package demo

import (
	"math"
	"math/rand/v2"
	"sync"
)

// maxRows is how many writes being dropped are remembered at most.
const maxRows = 100_000

// dropper decides which writes a flaky server drops: its share of them, at random. The ill
// luck of one write that is sent again and again has a limit: one that comes so far in
// less than one case in a thousand is let through, unless everything is to be dropped.
type dropper struct {
	rate float64
	most int // drops of one write in a row

	mu     sync.Mutex
	random *rand.Rand
	row    map[string]int // drops in a row, by Idempotency-Key
}

func newDropper(rate float64, random *rand.Rand) *dropper {
	d := &dropper{rate: rate, most: math.MaxInt, random: random, row: map[string]int{}}
	if rate > 0 && rate < 1 {
		d.most = int(math.Ceil(math.Log(0.001) / math.Log(rate)))
	}
	return d
}

// drops tells whether to drop the write that is sent under key, which may be empty.
func (d *dropper) drops(key []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.random.Float64() >= d.rate || d.row[string(key)] >= d.most {
		delete(d.row, string(key))
		return false
	}
	if len(key) > 0 && d.rate < 1 {
		if len(d.row) >= maxRows {
			clear(d.row)
		}
		d.row[string(key)]++
	}
	return true
}
