package proxy

import (
	"io"

	"tutti/answer"
	"tutti/backend"
	"tutti/front"
	"tutti/wire"
)

// flushAt is how much of an answer is gathered before it is sent while more of it is here already.
const flushAt = 32 << 10

// relay passes the answer whose head is in x.Resp on to the client. What is here goes out
// before anything is waited for, so that events arrive as they are sent. On success c is
// ready for Release. After a failure c is of no more use; the answer is cut off if it has
// begun, with nothing appended (Traefik #13568), otherwise nothing of it is left in x.Out.
func relay(x *front.Exchange, c *backend.Conn, head bool) *backend.Failure {
	base := len(x.Out)
	chunks := begin(x, head)
	for spliced := chunks; ; {
		if !c.Pending() {
			if failure := flush(x, c, spliced); failure != nil {
				return failure
			}
			spliced = true
		}
		data, err := c.NextBody()
		if err == io.EOF {
			break
		}
		if err != nil {
			return cut(x, c, base, err)
		}
		if chunks {
			x.Out = wire.AppendChunk(x.Out, data)
		} else if len(data) >= flushAt {
			if x.Write(data) != nil {
				return leave(x)
			}
		} else {
			x.Out = append(x.Out, data...)
		}
		if len(x.Out) >= flushAt && x.Flush() != nil {
			return leave(x)
		}
	}
	if chunks {
		x.Out = wire.AppendLastChunk(x.Out, c.Trailers())
	}
	return nil
}

// begin appends the answer's head to x.Out and tells whether its body is sent in chunks.
func begin(x *front.Exchange, head bool) (chunks bool) {
	framing := x.Resp.Body(head)
	chunks = framing == wire.Chunks || framing == wire.UntilClose
	if chunks {
		framing = wire.Chunks
		if x.Req.Minor == 0 {
			framing, chunks = wire.UntilClose, false
			x.CloseAfter()
		}
	}
	x.Status = x.Resp.Status
	x.Out = appendHead(x, framing)
	return chunks
}

// flush sends what is here before more is waited for, and has the kernel move what it can unless that was tried.
func flush(x *front.Exchange, c *backend.Conn, spliced bool) *backend.Failure {
	if len(x.Out) > 0 && x.Flush() != nil {
		return leave(x)
	}
	if spliced {
		return nil
	}
	return splice(x, c)
}

func appendHead(x *front.Exchange, framing wire.Framing) []byte {
	in := wire.Incoming{Framing: framing, KeepAlive: x.KeepAlive(), Minor: x.Req.Minor}
	var date [32]byte
	if !x.Resp.Has(wire.Date) {
		in.Now = answer.Date(date[:0])
	}
	return wire.AppendResponse(x.Out, &x.Resp, &in)
}

// cut ends an answer that the backend did not finish.
func cut(x *front.Exchange, c *backend.Conn, base int, err error) *backend.Failure {
	failure := asFailure(err)
	c.Backend().Failed(failure)
	if x.Begun() {
		x.Abort()
	} else {
		x.Out = x.Out[:base]
	}
	return failure
}

// leave ends an answer that the client does not take any more.
func leave(x *front.Exchange) *backend.Failure {
	x.Abort()
	return backend.ErrAbandoned
}
