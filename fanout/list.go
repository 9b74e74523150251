package fanout

import (
	"errors"

	"tutti/clock"
	"tutti/metrics"
)

// What Retry and Drop answer. ErrUnknown is a 404, the other a 409.
var (
	ErrUnknown = errors.New("no such write")
	ErrState   = errors.New("nothing of this write can be retried or dropped")
	// ErrJournal: it was done, but would be undone by a crash.
	ErrJournal = errors.New("the journal could not be told")
	// ErrOvertaken is a 409, too: to be retried by force only.
	ErrOvertaken = errors.New("a later write of the same ordering key was sent before")
)

// The most List returns, and what it returns when nobody says.
const (
	maxList     = 1000
	defaultList = 100
)

// Snapshot is one consistent look for the metrics: Accepted == Settled + Pending + Parked.
func (f *Fanout) Snapshot() metrics.Writes {
	backends := make([]metrics.BackendWrites, len(f.deliverers))
	now := clock.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &f.ledger
	for i, t := range f.deliverers {
		backends[i] = metrics.BackendWrites{Owed: t.owed, Parked: t.parked}
		if d := t.held.oldestOwed(); d != nil {
			backends[i].OldestSeconds = max(float64(now-d.w.accepted)/1e9, 0)
		}
	}
	return metrics.Writes{
		Accepted: l.accepted, Settled: l.settled, Pending: l.pending, Parked: l.parked,
		Unkeyed: l.unkeyed, PendingBytes: l.bytes, Backends: backends,
	}
}

// List returns writes in the order they were accepted, with backends by name.
func (f *Fanout) List(q Filter) []View {
	if q.Limit <= 0 {
		q.Limit = defaultList
	}
	q.Limit = min(q.Limit, maxList)
	if f.o.Journal != nil {
		return f.listStored(q)
	}
	now := clock.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	views := []View{}
	left := f.ledger.countOf(q.State)
	add := func(w *write) (more bool) {
		if q.State == w.class.String() {
			left--
		}
		if w.seq > q.After && (q.State == "" || q.State == w.class.String()) {
			f.ledger.know(w) // its id is shown: it has to be found by it
			views = append(views, f.viewLocked(w, true, now))
		}
		return len(views) < q.Limit && left > 0
	}
	if left == 0 {
		return views
	}
	if q.Backend == "" {
		for w := f.ledger.first; w != nil && add(w); w = w.next {
		}
		return views
	}
	for _, t := range f.deliverers {
		if t.b.Name() == q.Backend {
			for d := t.held.first; d != nil && add(d.w); d = d.next {
			}
		}
	}
	return views
}

// Retry takes up the parked deliveries of a write again, attempts counted afresh; force: also
// where a later write of the same ordering key was sent meanwhile. Otherwise one such delivery
// keeps all from being retried. Errors: ErrUnknown, ErrState, ErrOvertaken.
func (f *Fanout) Retry(id string, force bool) error {
	return f.change(id, func(w *write, now int64) error {
		err := ErrState
		for i := range w.deliveries {
			if d := &w.deliveries[i]; !force && d.state == parked && overtaken(d) {
				return ErrOvertaken
			}
		}
		for i := range w.deliveries {
			if d := &w.deliveries[i]; d.state == parked {
				f.requeueLocked(d, now)
				d.to.stir()
				err = nil
			}
		}
		return err
	})
}

// Drop gives up what of a write is not delivered. A delivery that is being sent ends by its
// own outcome: delivered if it succeeds, dropped otherwise. Errors: ErrUnknown, ErrState.
func (f *Fanout) Drop(id string) error {
	return f.change(id, func(w *write, now int64) error {
		err := ErrState
		for i := range w.deliveries {
			if d := &w.deliveries[i]; !d.state.done() {
				f.dropLocked(d, now)
				err = nil
			}
		}
		return err
	})
}

// dropLocked gives up d, which is not done. The caller has a reference to the write.
func (f *Fanout) dropLocked(d *delivery, now int64) {
	if d.state == sending || d.state == waiting && d.w.composing {
		d.dropping = true // when that has ended; the latter is about to be queued
		if r := f.ledger.records; r != nil {
			r.note(d) // a crash before that drops it
		}
		return
	}
	d.to.queue.remove(d)
	f.stateLocked(d, dropped, now)
}

// change does something to a write.
func (f *Fanout) change(id string, do func(w *write, now int64) error) error {
	key, ok := parseID(id)
	if !ok {
		return ErrUnknown
	}
	w, err := f.find(key)
	switch {
	case err != nil:
		return err
	case w == nil:
		if _, settled := f.lookupRecord(key, false); settled {
			return ErrState
		}
		return ErrUnknown
	}
	if err = f.changeFound(w, do); err == nil && f.o.Journal != nil && !f.flush(0) {
		return ErrJournal
	}
	return err
}

func (f *Fanout) changeFound(w *write, do func(w *write, now int64) error) error {
	now := clock.Now()
	f.mu.Lock()
	defer f.unlock()
	defer f.ledger.release(w)
	err := do(w, now)
	f.decideLocked(w)
	return err
}
