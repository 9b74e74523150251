package front

import (
	"bufio"
	"bytes"

	"github.com/valyala/fasthttp"
)

// lookup is fasthttp's view of a request, for looking up cookies and the like.
type lookup struct {
	header fasthttp.RequestHeader
	in     bytes.Reader
	buf    *bufio.Reader
	parsed bool
	failed bool
}

// Header returns the request's header as fasthttp reads it, for look-ups; the strict pass has
// been made, and what is forwarded is Req's. It is read on first use. nil when fasthttp
// does not understand it. It is valid as long as the exchange.
func (x *Exchange) Header() *fasthttp.RequestHeader {
	l := x.w.lookup
	if l == nil {
		l = &lookup{buf: bufio.NewReaderSize(nil, firstIn)}
		x.w.lookup = l
	}
	if !l.parsed {
		l.read(x.Req.Head)
	}
	if l.failed {
		return nil
	}
	return &l.header
}

func (l *lookup) read(head []byte) {
	l.in.Reset(head)
	if l.buf.Size() < len(head) {
		// fasthttp wants a head whole in the reader's buffer
		l.buf = bufio.NewReaderSize(&l.in, 2*len(head))
	}
	l.buf.Reset(&l.in)
	l.header.Reset()
	l.failed = l.header.Read(l.buf) != nil
	l.parsed = true
}
