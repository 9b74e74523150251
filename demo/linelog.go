package demo

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	maxLogged = 1 << 20 // bytes of lines waiting to be written
	maxPath   = 120     // bytes of a path in a line
)

// lineLog writes one line for each request without making the request wait for the writer:
// when too many lines wait, further ones are counted and not kept.
type lineLog struct {
	to io.Writer

	mu      sync.Mutex
	ready   *sync.Cond
	lines   []byte
	dropped int
	closing bool

	done chan struct{} // closed when loop has ended
	err  error         // the first of the writer; read it after done
}

// newLineLog starts the writing goroutine; close ends it.
func newLineLog(to io.Writer) *lineLog {
	l := &lineLog{to: to, done: make(chan struct{})}
	l.ready = sync.NewCond(&l.mu)
	go func() {
		defer close(l.done)
		l.err = l.loop()
	}()
	return l
}

// request logs one request: when, by whom, what (never the query, a name or a password), and
// how it was answered.
func (l *lineLog) request(server string, ctx *fasthttp.RequestCtx) {
	path := ctx.Path()
	cut := path[:min(len(path), maxPath)]
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) > maxLogged {
		l.dropped++
		return
	}
	b := time.Now().UTC().AppendFormat(l.lines, "2006-01-02T15:04:05.000Z ")
	b = append(append(b, server...), ' ')
	b = appendSafe(b, ctx.Method())
	b = append(b, ' ')
	b = appendSafe(b, cut)
	if len(cut) < len(path) {
		b = append(b, "..."...)
	}
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(ctx.Response.StatusCode()), 10)
	l.lines = append(b, '\n')
	l.ready.Signal()
}

// appendSafe appends text with what is not printable ASCII escaped.
func appendSafe(dst, text []byte) []byte {
	for _, c := range text {
		if c > ' ' && c <= '~' {
			dst = append(dst, c)
		} else {
			dst = fmt.Appendf(dst, `\x%02x`, c)
		}
	}
	return dst
}

// loop writes what has come together, until close. It returns the first error of the writer.
func (l *lineLog) loop() error {
	var batch []byte
	var failed error
	for {
		l.mu.Lock()
		for len(l.lines) == 0 && !l.closing {
			l.ready.Wait()
		}
		if len(l.lines) == 0 {
			l.mu.Unlock()
			return failed
		}
		batch, l.lines = l.lines, batch[:0]
		if l.dropped > 0 {
			batch = fmt.Appendf(batch, "%d requests were not logged, the log is too slow\n", l.dropped)
			l.dropped = 0
		}
		l.mu.Unlock()
		if _, err := l.to.Write(batch); err != nil && failed == nil {
			failed = fmt.Errorf("cannot write the demo backends' log: %w", err)
		}
	}
}

// close writes what is left and waits for the goroutine.
func (l *lineLog) close() error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.ready.Signal()
	<-l.done
	return l.err
}
