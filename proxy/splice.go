package proxy

import (
	"tutti/backend"
	"tutti/front"
)

// splice has the kernel pass on what is left of a long body, once what is here was sent. What it leaves over is to
// be copied: all of it, where one side speaks TLS, say. After a failure as relay's.
//
// A pipe is filled only when it is empty, and emptied before it is filled again, so that each wait is for one side
// alone.
func splice(x *front.Exchange, c *backend.Conn) *backend.Failure {
	if !x.TakesPipes() {
		return nil
	}
	for {
		p, err := c.NextPipe()
		switch {
		case err != nil:
			return cut(x, c, 0, err)
		case p == nil:
			return nil
		case x.WritePipe(p) != nil:
			return leave(x)
		}
	}
}
