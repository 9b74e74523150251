package backend

import "sync"

// The sizes of buffers: most answers fit the small one, long bodies stream through the large one.
const (
	smallBuffer = 4 << 10
	largeBuffer = 64 << 10
)

// buffer is a pooled run of bytes. Its length never changes.
type buffer struct{ b []byte }

// buffers lends what exchanges read into, so that an idle connection holds none.
type buffers struct {
	small, head, large sync.Pool
	maxHeader          int
}

func newBuffers(maxHeader int) *buffers {
	return &buffers{maxHeader: maxHeader}
}

func (p *buffers) getSmall() *buffer { return p.lend(smallBuffer) }
func (p *buffers) getHead() *buffer  { return p.lend(p.maxHeader) }
func (p *buffers) getLarge() *buffer { return p.lend(largeBuffer) }

func (p *buffers) lend(size int) *buffer {
	if b, ok := p.of(size).Get().(*buffer); ok {
		return b
	}
	return &buffer{b: make([]byte, size)}
}

// put takes b back; nil is allowed.
func (p *buffers) put(b *buffer) {
	if b != nil {
		p.of(len(b.b)).Put(b)
	}
}

// of is where buffers of this size are kept.
func (p *buffers) of(size int) *sync.Pool {
	switch size {
	case smallBuffer:
		return &p.small
	case largeBuffer:
		return &p.large
	}
	return &p.head
}
