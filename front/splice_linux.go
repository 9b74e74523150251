//go:build linux && (amd64 || arm64) && !tutti_plain

package front

import (
	"syscall"

	"tutti/pipe"
)

// emptying is what the callback that empties a pipe works on.
type emptying struct {
	pipe *pipe.Pipe
	step func(fd uintptr) bool // bound at the first
}

// send is conn.send of what p holds.
func (e *emptying) send(c *conn, p *pipe.Pipe) error {
	if c.broken {
		return ErrClientLeft
	}
	w := c.w
	if e.step == nil {
		e.step = w.pipeStep
	}
	e.pipe, w.sendErr, w.stalling = p, nil, false
	if !c.inside || !w.pipeStep(c.fd) {
		c.stall(e.step)
	}
	e.pipe = nil
	c.broken = w.sendErr != nil
	return w.sendErr
}

// pipeStep is sendStep from a pipe.
func (w *work) pipeStep(fd uintptr) bool {
	for p := w.emptying.pipe; p.Held() > 0 && w.sendErr == nil; {
		n, e := p.Empty(fd)
		switch {
		case e == 0 && n > 0:
			w.progress(n)
		case e == syscall.EINTR:
		case e == syscall.EAGAIN:
			return false
		default:
			w.sendErr = ErrClientLeft
		}
	}
	return true
}
