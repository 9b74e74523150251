package fanout

import (
	"math/bits"
	"sync"
)

// Buffers of at most 1<<maxClass bytes are pooled, by powers of two so that a parked write
// of a few hundred bytes never holds on to the memory of a large one.
const (
	minClass = 9
	maxClass = 16
)

// buffer is a run of bytes that goes back to its pool when its owner is done with it.
type buffer struct{ b []byte }

// buffers are the pools. The zero value is ready.
type buffers struct {
	pools [maxClass - minClass + 1]sync.Pool
}

// get returns an empty buffer of at least size bytes' capacity.
func (p *buffers) get(size int) *buffer {
	if size > 1<<maxClass {
		return &buffer{b: make([]byte, 0, size)}
	}
	c := sizeClass(size)
	if v, ok := p.pools[c].Get().(*buffer); ok {
		v.b = v.b[:0]
		return v
	}
	return &buffer{b: make([]byte, 0, 1<<(c+minClass))}
}

// put takes b back; nil is allowed.
func (p *buffers) put(b *buffer) {
	if b == nil || cap(b.b) > 1<<maxClass || cap(b.b) < 1<<minClass {
		return
	}
	// The largest class it can serve whole: append may have grown it to any capacity.
	c := bits.Len(uint(cap(b.b))) - 1 - minClass
	p.pools[c].Put(b)
}

// sizeClass is the smallest class that holds size bytes.
func sizeClass(size int) int {
	return max(bits.Len(uint(max(size, 1)-1)), minClass) - minClass
}
