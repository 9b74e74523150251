//go:build linux && (amd64 || arm64) && !tutti_plain

package backend

import (
	"io"
	"syscall"

	"tutti/clock"
	"tutti/pipe"
	"tutti/wire"
)

// minSpliced is how much of a body has to be left for a pipe to pay: with half of it copying costs the same.
const minSpliced = 24 << 10

// filling is what the callback that fills a pipe works on.
type filling struct {
	pipe    *pipe.Pipe
	step    func(fd uintptr) bool // bound at the first
	n       int
	err     error
	refused bool // the kernel does not splice from this socket
}

// NextPipe is NextBody for a long body with a length: it has the kernel move the next bytes into a pipe, which
// the caller empties before the next call. No pipe and no error: what comes next is NextBody's, which the rest
// of the body may always be read with.
func (c *Conn) NextPipe() (*pipe.Pipe, error) {
	f := &c.filling
	if !c.canFill() {
		f.drop(c.b)
		return nil, nil
	}
	if f.step == nil {
		f.step = c.fillStep
	}
	for {
		f.n, f.err = 0, nil
		err := c.io.raw.Read(f.step)
		if err == nil {
			err = f.err
		}
		if err == nil {
			c.filled(f.n)
			return f.pipe, nil
		}
		if unspliced(err) {
			f.refused = true
			f.drop(c.b)
			return nil, nil
		}
		if failure := c.receiveFailed(err); failure != nil {
			return nil, failure
		}
	}
}

// canFill tells whether what comes next can go into a pipe, and takes one.
func (c *Conn) canFill() bool {
	f := &c.filling
	switch {
	case c.plain || f.refused || c.framing != wire.Length || c.phase != inBody || c.r < c.w || len(c.run) > 0:
		return false
	case f.pipe != nil:
		return true
	case c.left < minSpliced || c.b.group == nil:
		return false
	}
	f.pipe = c.b.group.pipes.Take()
	return f.pipe != nil
}

// fillStep is readStep into a pipe.
func (c *Conn) fillStep(fd uintptr) bool {
	f := &c.filling
	for {
		n, e := f.pipe.Fill(fd, c.left)
		switch {
		case e == 0 && n > 0:
			f.n = n
		case e == 0:
			f.err = io.EOF
		case e == syscall.EAGAIN:
			c.armReading()
			return false
		case e == syscall.EINTR:
			continue
		default:
			f.err = e
		}
		return true
	}
}

// filled takes n bytes off what is left of the body. Whether more is here, behind its end, is not known: it was not
// asked for, and the next claim looks.
func (c *Conn) filled(n int) {
	if c.reading.clear() {
		c.tainted.Store(true)
	}
	c.left -= int64(n)
	if c.left == 0 {
		c.phase = finished
	}
}

// unspliced tells whether err is the kernel's word that this can't be spliced, and may be read.
func unspliced(err error) bool {
	switch err {
	case syscall.EINVAL, syscall.ENOSYS, syscall.EOPNOTSUPP, syscall.EPERM, syscall.ENOMEM:
		return true
	}
	return false
}

// drop gives the pipe back, if there is one.
func (f *filling) drop(b *Backend) {
	if p := f.pipe; p != nil {
		f.pipe = nil
		b.group.pipes.Give(p, clock.Now())
	}
}
