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

func (p *buffers) getSmall() *buffer { return lend(&p.small, smallBuffer) }
func (p *buffers) getHead() *buffer  { return lend(&p.head, p.maxHeader) }
func (p *buffers) getLarge() *buffer { return lend(&p.large, largeBuffer) }

func lend(p *sync.Pool, size int) *buffer {
	if b, ok := p.Get().(*buffer); ok {
		return b
	}
	return &buffer{b: make([]byte, size)}
}

// put takes b back; nil is allowed.
func (p *buffers) put(b *buffer) {
	if b == nil {
		return
	}
	switch len(b.b) {
	case smallBuffer:
		p.small.Put(b)
	case largeBuffer:
		p.large.Put(b)
	case p.maxHeader:
		p.head.Put(b)
	}
}
