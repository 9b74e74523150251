package fanout

import (
	"tutti/front"
	"tutti/wire"
)

// compose builds the bytes that every backend is sent in every attempt: the head, and body.
func (f *Fanout) compose(x *front.Exchange, w *write, body []byte) {
	o, trailers := f.outgoing(x, w, len(body))
	w.memory = f.buffers.get(len(x.Req.Head) + headRoom + len(body))
	b := wire.AppendRequest(w.memory.b, &x.Req, &o)
	if o.Framing == wire.Chunks {
		b = wire.AppendLastChunk(wire.AppendChunk(b, body), trailers)
	} else {
		b = append(b, body...)
	}
	w.memory.b, w.request = b, b
}

// composeBefore is compose for a body that is in w.memory already, behind room bytes for the head.
func (f *Fanout) composeBefore(x *front.Exchange, w *write, room int) {
	body := w.memory.b[room:]
	o, trailers := f.outgoing(x, w, len(body))
	x.Up = wire.AppendRequest(x.Up[:0], &x.Req, &o)
	if len(x.Up) > room || o.Framing == wire.Chunks {
		arrived := w.memory
		w.memory = f.buffers.get(len(x.Up) + len(body) + len(trailers) + headRoom)
		b := append(w.memory.b, x.Up...)
		if o.Framing == wire.Chunks {
			b = wire.AppendLastChunk(wire.AppendChunk(b, body), trailers)
		} else {
			b = append(b, body...)
		}
		w.memory.b, w.request = b, b
		f.buffers.put(arrived)
		return
	}
	w.request = w.memory.b[room-len(x.Up):]
	copy(w.request, x.Up)
}

// outgoing is what w carries toward the backends besides the client's own fields.
func (f *Fanout) outgoing(x *front.Exchange, w *write, body int) (o wire.Outgoing, trailers []byte) {
	o = x.Outgoing(f.o.Pseudonym)
	o.IdempotencyKey, o.Sequence = w.key[:], w.seq
	if !x.Req.HasBody() {
		return o, nil
	}
	o.Framing, o.ContentLength = wire.Length, int64(body)
	if x.Req.Chunked {
		if trailers = x.Trailers(); len(trailers) > 0 {
			o.Framing = wire.Chunks // the only way to pass them on
		}
	}
	return o, trailers
}
