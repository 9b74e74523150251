package fanout

import (
	"errors"

	"tutti/clock"
)

// Forget drops so many deliveries before it gives others the lock; with a journal fewer, since
// they are read from it first.
const (
	forgetChunk  = 256
	forgetStored = 16
)

// ErrNoBackend is what Forget answers for a name that is none of a backend.
var ErrNoBackend = errors.New("no such backend")

// Forgotten is what Forget has done, in deliveries.
type Forgotten struct {
	Dropped int `json:"dropped"`
	Sending int `json:"sending"` // being sent: delivered if that succeeds, dropped otherwise
}

// Forget gives up all that the backend ("host:port") is owed when it is called, what is parked
// included. A delivery that is being sent ends by its own outcome, as with Drop. Other writes go
// on meanwhile. Errors: ErrNoBackend, ErrJournal, or why the journal can't be read; then not all
// is given up.
func (f *Fanout) Forget(backend string) (sum Forgotten, err error) {
	t := f.byName(backend)
	if t == nil {
		return sum, ErrNoBackend
	}
	f.mu.Lock()
	until := f.ledger.seq
	f.mu.Unlock()
	step := f.forgetSome
	if f.o.Journal != nil {
		step = f.forgetStored
	}
	for after, more := uint64(0), true; more && err == nil; {
		after, more, err = step(t, after, until, &sum)
	}
	t.stir()
	if err == nil && f.o.Journal != nil && !f.flush(0) {
		err = ErrJournal
	}
	return sum, err
}

// forgetSome gives up the next of what t is owed with sequences in (after, until]. It returns
// how far it came, and whether there may be more.
func (f *Fanout) forgetSome(t *deliverer, after, until uint64, sum *Forgotten) (uint64, bool, error) {
	now, n := clock.Now(), 0
	f.mu.Lock()
	defer f.unlock()
	for d := t.held.first; d != nil && d.w.seq <= until; {
		w, next := d.w, d.next
		if w.seq > after { // otherwise it is being sent, and no more of them than can be
			if n == forgetChunk {
				return after, true, nil
			}
			n++
			after = w.seq
			w.refs++
			f.forgetLocked(d, sum, now)
		}
		d = next
	}
	return after, false, nil
}

// forgetStored is forgetSome over what the journal holds.
func (f *Fanout) forgetStored(t *deliverer, after, until uint64, sum *Forgotten) (uint64, bool, error) {
	seqs, at, more := f.owedTo(t, after, until)
	if len(seqs) == 0 {
		return at, more, nil
	}
	ws, err := f.fetch(seqs, maxFetch)
	if len(ws) < len(seqs) && err == nil {
		at, more = seqs[len(ws)-1], true
	}
	now := clock.Now()
	f.mu.Lock()
	defer f.unlock()
	for _, w := range ws {
		if w != nil {
			f.forgetLocked(&w.deliveries[t.index], sum, now)
		}
	}
	for l := &f.ledger; l.writes > l.maxWrites && l.evict(); { // they are kept no longer than others
	}
	return at, more, err
}

// owedTo returns some of the sequences in (after, until] of what t is owed, how far it looked,
// and whether there may be more.
func (f *Fanout) owedTo(t *deliverer, after, until uint64) (seqs []uint64, at uint64, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range matchSize {
		seq, ok := f.ledger.records.live.Next(after + 1)
		if !ok || seq > until {
			return seqs, after, false
		}
		after = seq
		if t.disk.done.Has(seq) {
			continue
		}
		if seqs = append(seqs, seq); len(seqs) == forgetStored {
			break
		}
	}
	return seqs, after, true
}

// forgetLocked gives d up unless it is done, and the caller's reference to its write.
func (f *Fanout) forgetLocked(d *delivery, sum *Forgotten, now int64) {
	w := d.w
	switch {
	case d.state == sending:
		sum.Sending++
	case !d.state.done():
		sum.Dropped++
	}
	if !d.state.done() {
		f.dropLocked(d, now)
		f.decideLocked(w)
	}
	f.ledger.release(w)
}

// byName finds a backend's deliverer, nil if there is none.
func (f *Fanout) byName(name string) *deliverer {
	for _, t := range f.deliverers {
		if t.b.Name() == name {
			return t
		}
	}
	return nil
}
