package front

import "tutti/pipe"

// TakesPipes tells whether WritePipe can be called: the client speaks TCP without TLS.
func (x *Exchange) TakesPipes() bool { return x.c.raw && x.c.addr.IsValid() }

// WritePipe sends Out and then all that p holds, as Write does; the answer's head was sent before. On an error
// something may be left in p.
func (x *Exchange) WritePipe(p *pipe.Pipe) error {
	if x.aborted {
		return ErrClientLeft
	}
	if err := x.Flush(); err != nil {
		return err
	}
	return x.w.emptying.send(x.c, p)
}
