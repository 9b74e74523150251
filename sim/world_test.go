package sim

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"tutti/journal/memory"
)

// world is all that outlives the process under test: the replicas and their state, what the
// clients saw, and the model of what must be true.
type world struct {
	p        *plan
	h        *history
	replicas []*replica
	store    memory.Store            // of the journal
	process  atomic.Pointer[process] // nil: there is none
	starts   int64                   // processes
	calm     atomic.Bool             // nothing bad happens any more

	mu      sync.Mutex
	writes  map[int]*record // by op
	reads   map[int]*question
	looks   int        // at the accounting
	checked int        // reads, of which it could be said where they must not go
	lacking int        // of those: some replica lacked a write
	downs   []interval // in which no answer may come
	stopped bool       // for good
}

// question is a read under way.
type question struct {
	user   int
	sentAt time.Duration
	went   []int // replicas
}

func newWorld(p *plan) *world {
	w := &world{p: p, h: &history{start: time.Now()}, writes: map[int]*record{}, reads: map[int]*question{}}
	w.store.MaxSize = p.maxDisk
	for i := range p.backends {
		w.replicas = append(w.replicas, newReplica(w, i))
	}
	return w
}

// pause sleeps until ctx is done.
func (w *world) pause(ctx context.Context, d time.Duration) {
	if ctx.Done() == nil {
		time.Sleep(d)
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// weather is how replica i is now.
func (w *world) weather(i int) (k stormKind, bad bool) {
	if w.calm.Load() {
		return 0, false
	}
	now := w.h.now()
	for _, s := range w.p.storms {
		if s.replica == i && s.from <= now && now < s.to {
			return s.kind, true
		}
	}
	return 0, false
}

// blow has the storms begin, until all is well.
func (w *world) blow() {
	var storms sync.WaitGroup
	for _, s := range w.p.storms {
		storms.Go(func() {
			time.Sleep(s.from)
			w.h.note("replica %d is %v", s.replica, s.kind)
			if s.kind == stormDown {
				w.replicas[s.replica].down()
			}
			time.Sleep(s.to - s.from)
			w.h.note("replica %d is no longer %v", s.replica, s.kind)
		})
	}
	time.Sleep(w.p.length)
	storms.Wait()
	if !w.p.stops {
		w.h.note("all is well from here on")
		w.calm.Store(true)
	}
}

// failed notes a failed connection of r.
func (w *world) failed(r *replica) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.failures++
}

// refuses notes that r answers 404 to the write.
func (w *world) refuses(r *replica, rec *record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rec.at[r.index].missing = true
}

// success notes that r is about to answer on c that it has the write.
func (w *world) success(r *replica, rec *record, c *end) {
	if c.peer.isClosed() || c.isClosed() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r.conns[c] = false
	if s := &rec.at[r.index]; s.success == 0 {
		s.success = w.h.now()
	}
}

// wrote notes that r is sent the write, and checks the order.
func (w *world) wrote(r *replica, op int, seq uint64, idem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rec := w.writes[op]
	switch {
	case rec == nil:
		return // the replica says so
	case w.p.journal && !rec.stored && !rec.uncertain:
		w.h.wrong("op %d is sent to replica %d before it is on disk", op, r.index)
	case !rec.whole:
		w.h.wrong("op %d is sent to replica %d before its client has sent it", op, r.index)
	case rec.status == 413 || rec.status == 503 && !(rec.uncertain && w.endedSince(rec.answered)):
		w.h.wrong("op %d is sent to replica %d though it was refused", op, r.index)
	case rec.seq != 0 && (rec.seq != seq || rec.idem != idem):
		w.h.wrong("op %d is sent as sequence %d, key %s, and was as %d, %s", op, seq, idem, rec.seq, rec.idem)
	}
	rec.seq, rec.idem = seq, idem
	s := &rec.at[r.index]
	s.sends++
	w.h.note("op %d (sequence …%d) goes to replica %d", op, seq%1000000, r.index)
	if w.p.orderBy == "" {
		return
	}
	if seq < r.sent[rec.order] && !rec.forced && s.success == 0 {
		w.h.wrong("op %d is sent to replica %d after a later one of its key", op, r.index)
	}
	r.sent[rec.order] = max(r.sent[rec.order], seq)
	if s.sends == 1 {
		w.predecessors(r, rec)
	}
}

// predecessors checks that nothing that was accepted before rec, under its key, is still to be
// delivered to r.
func (w *world) predecessors(r *replica, rec *record) {
	if w.p.policy.Attempts > 0 || w.p.rejectsList() {
		return // it may be parked, or rejected
	}
	for _, o := range w.writes {
		s := &o.at[r.index]
		if o.order != rec.order || o.seq == 0 || o.seq >= rec.seq || s.success > 0 || o.dropped || w.refusedByAll(o) {
			continue
		}
		w.h.wrong("op %d is sent to replica %d before op %d is done there", rec.op, r.index, o.op)
	}
}

// refusedByAll tells whether the write may have ended because all replicas refused it alike.
func (w *world) refusedByAll(o *record) bool {
	for i := range o.at {
		if !o.at[i].missing {
			return false
		}
	}
	return w.p.reject == "unanimous"
}
