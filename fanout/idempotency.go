package fanout

import "tutti/wire"

// usableKey tells whether a request's Idempotency-Key, if it has one, is one: a single line with
// something in it. Beyond that it is opaque bytes, compared as they came: bare tokens are as
// common as the quoted strings of RFC 8941.
func usableKey(r *wire.Request) bool {
	if !r.Has(wire.IdempotencyKey) {
		return true
	}
	lines := 0
	for i := range r.Fields {
		if r.Fields[i].Kind == wire.IdempotencyKey {
			lines++
		}
	}
	key := r.Value(wire.IdempotencyKey)
	return lines == 1 && len(key) > 0 && string(key) != `""`
}

// takeScope makes w, whose body is whole, a keyed one if the client sent an Idempotency-Key.
func (f *Fanout) takeScope(r *wire.Request, w *write, body []byte) {
	if !r.Has(wire.IdempotencyKey) {
		return
	}
	scratch := f.buffers.get(len(r.Head))
	w.scope = scopeOf(r, scratch)
	w.print = fingerprintOf(r, body, scratch)
	w.scoped = true
	f.buffers.put(scratch)
}

// findLocked returns the write that was accepted in this scope, nil when there is none.
func (f *Fanout) findLocked(s scope) *write { return f.ledger.byScope[s] }

// repeatsLocked tells what a request that would become w is to a write there is in its scope: a
// repeat (then w.first is that write, and the caller has a reference to it), or another request
// under a key that is taken.
func (f *Fanout) repeatsLocked(w *write) refusal {
	first := f.findLocked(w.scope)
	switch {
	case first == nil && f.o.Journal != nil && w.dismissals != f.ledger.records.dismissals:
		return forgotten
	case first == nil:
		return admitted
	case first.print != w.print:
		return keyTaken
	}
	first.refs++
	f.ledger.wanted++
	w.first = first
	return repeated
}
