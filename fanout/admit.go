package fanout

import (
	"io"

	"tutti/clock"
	"tutti/front"
	"tutti/wire"
)

// step is what a body that is still arriving is first given room for; doubled as it fills.
const step = 16 << 10

// headRoom is what a head may grow by on its way: our own fields.
const headRoom = 768

// acceptHere accepts a write whose head and body are here. When it returns false it has answered x,
// unless x repeats w.first's request.
func (f *Fanout) acceptHere(x *front.Exchange, w *write, body []byte, send *uint64) bool {
	f.takeKeys(x, w, body)
	r := forgotten
	for r == forgotten {
		if r = f.recall(w); r == admitted {
			r = f.acceptWhole(w, len(x.Req.Head), len(body), send)
		}
	}
	if r == admitted {
		f.compose(x, w, body)
		r = f.record(w)
	}
	if r != admitted && r != repeated {
		f.refuse(x, r)
	}
	return r == admitted
}

// acceptWhole admits and accepts a write whose head and body are here. send gets a bit for
// each backend to send it to at once; the others are owed it.
func (f *Fanout) acceptWhole(w *write, head, body int, send *uint64) refusal {
	if int64(body) > f.o.MaxWriteSize {
		return tooLarge
	}
	f.identify(w)
	now := clock.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.openLocked(w); r != admitted {
		return r
	}
	if r := f.ledger.reserve(w, int64(head+body)); r != admitted {
		return r
	}
	*send = f.sequenceLocked(w, now)
	return admitted
}

// openLocked tells whether w, whose keys are taken, would be accepted if there is room for it.
func (f *Fanout) openLocked(w *write) refusal {
	if f.refusing {
		return notServing
	}
	if w.scoped {
		if r := f.repeatsLocked(w); r != admitted {
			return r
		}
	}
	if f.allHeldLocked() {
		return allHeld
	}
	return admitted
}

// sequenceLocked gives an admitted write its place and decides where it goes at once. Without
// a journal it is accepted with that.
func (f *Fanout) sequenceLocked(w *write, now int64) (send uint64) {
	if w.keyed {
		w.lane = f.ledger.lanes.of(w.order, len(f.deliverers))
	}
	for i, t := range f.deliverers {
		d := &w.deliveries[i]
		far := f.o.Journal != nil && t.disk.away.Len() > 0
		full := f.o.Journal != nil && t.near >= f.window
		// What was parked unreached goes first when the backend is back.
		if t.queue.open(t.peer.Up()) && !full && (w.lane == nil || w.lane.idle(i) && t.unreached == 0 && !far) {
			send |= 1 << i
			continue
		}
		d.state = waiting // and queued once the request is composed
		d.away = far || full
	}
	w.composing = send != f.all
	f.ledger.sequence(w)
	f.sealLocked(w)
	if f.o.Journal == nil {
		f.ledger.accept(w, now)
	}
	return send
}

// acceptStream reads a body that is not here yet, counted while it arrives, and accepts the
// write at its true end. When it returns false it has answered x, unless x repeats w.first's request.
func (f *Fanout) acceptStream(x *front.Exchange, w *write, send *uint64) bool {
	head := int64(len(x.Req.Head))
	if r := f.reserve(x, w, head); r != admitted {
		f.refuse(x, r)
		return false
	}
	room := int(head) + headRoom
	r, err := f.arrive(x, w, room)
	if r == admitted && err == nil {
		f.takeKeys(x, w, w.memory.b[room:])
	}
	for again := true; again; again = r == forgotten {
		if r == admitted && err == nil || r == forgotten {
			r = f.recall(w)
		}
		r = f.acceptArrived(w, r, err, head+w.arrived(room), send)
	}
	switch {
	case err != nil:
		f.unread(x, err)
	case r == repeated:
	case r != admitted:
		f.refuse(x, r)
	default:
		f.composeBefore(x, w, room)
		if r = f.record(w); r == admitted {
			return true
		}
		f.refuse(x, r)
	}
	return false
}

// acceptArrived accepts a write of size bytes whose body is here, unless there is a reason not to.
func (f *Fanout) acceptArrived(w *write, why refusal, err error, size int64, send *uint64) refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	if why == admitted && err == nil {
		why = f.openLocked(w)
	}
	switch {
	case why == forgotten:
	case why != admitted || err != nil:
		f.ledger.giveUp(w)
	default:
		f.ledger.resize(w, size)
		f.identify(w)
		*send = f.sequenceLocked(w, clock.Now())
	}
	return why
}

// reserve admits a write whose body is still to come. What could not be held is refused before the
// client is told to send it.
func (f *Fanout) reserve(x *front.Exchange, w *write, head int64) refusal {
	length := x.Req.ContentLength // or -1
	if length > f.o.MaxWriteSize {
		return tooLarge
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.refusing:
		return notServing
	case f.allHeldLocked() && !x.Req.Has(wire.IdempotencyKey): // which may be a repeat
		return allHeld
	case !f.ledger.fits(head + max(length, 0)):
		return tooManyBytes
	}
	return f.ledger.reserve(w, head)
}

// arrived is how much of a body has come, behind room. There is no memory when none was taken.
func (w *write) arrived(room int) int64 {
	if w.memory == nil {
		return 0
	}
	return int64(len(w.memory.b) - room)
}

// arrive reads x's body into w.memory behind room bytes, which are for the head.
func (f *Fanout) arrive(x *front.Exchange, w *write, room int) (refusal, error) {
	if err := x.Continue(); err != nil {
		return admitted, err
	}
	most := f.o.MaxWriteSize
	if x.Req.ContentLength >= 0 {
		most = x.Req.ContentLength
	}
	size := min(int64(step), most)
	for {
		if r := f.enlarge(w, room, size); r != admitted {
			return r, nil
		}
		// With a byte to spare, so that the end or what is too much shows itself.
		for full := room + int(size) + 1; len(w.memory.b) < full; {
			b := w.memory.b
			n, err := x.ReadBody(b[len(b):full])
			w.memory.b = b[:len(b)+n]
			switch {
			case int64(len(b)+n-room) > f.o.MaxWriteSize:
				return tooLarge, nil
			case err == io.EOF:
				return admitted, nil
			case err != nil:
				return admitted, err
			}
		}
		size = min(2*size, most)
	}
}

// enlarge gives w memory for size bytes of body behind room, and a spare one, if they may be held.
func (f *Fanout) enlarge(w *write, room int, size int64) refusal {
	f.mu.Lock()
	r := f.ledger.grow(w, int64(room-headRoom)+size-w.size)
	f.mu.Unlock()
	if r != admitted {
		return r
	}
	old := w.memory
	w.memory = f.buffers.get(room + int(size) + 1)
	w.memory.b = w.memory.b[:room]
	if old != nil {
		w.memory.b = append(w.memory.b[:0], old.b...)
		f.buffers.put(old)
	}
	return admitted
}
