package fanout

import "tutti/journal"

// records are the ledger's part of the journal: which of the writes in it are in memory, and
// what has to be told to it. Fanout.mu guards them.
type records struct {
	live     journal.Set // accepted and not settled
	arriving journal.Set // they have a sequence and are not accepted yet
	bySeq    map[uint64]*write
	window   int // how many deliveries owed a backend are in memory

	settled []uint64    // the journal does not know yet
	dirty   []*delivery // what became of them, likewise; each refers to its write
	passed  []pass      // likewise
	keeping []*write    // records of them are to be kept; it refers to them
	pending bool        // there is something to tell

	dismissals uint64 // of writes with a client's key, from memory
	onDirty    func() // told when there is again
}

// pass is a parked delivery that a later one of its key has overtaken.
type pass struct {
	backend int
	seq     uint64
}

func (r *records) accepted(w *write) {
	r.arriving.Remove(w.seq)
	r.live.Add(w.seq)
}

// moved notes what follows for the journal from a delivery's new state.
func (r *records) moved(d *delivery, from state, wasAway bool) {
	b, seq := &d.to.disk, d.w.seq
	if wasAway {
		b.away.Remove(seq)
	}
	if from == parked {
		b.parked.Remove(seq)
	}
	switch d.state {
	case parked:
		b.parked.Add(seq)
		r.note(d)
	case rejected, dropped:
		b.finished(seq)
		r.note(d)
	case delivered:
		b.finished(seq)
		if d.dropping {
			r.note(d) // it is not dropped after all
		}
		r.stir()
	case waiting:
		if from == parked || d.attempts > 0 {
			r.note(d)
		}
	case sending:
	}
}

// note has the journal told what became of d.
func (r *records) note(d *delivery) {
	if !d.dirty {
		d.dirty = true
		d.w.dirty++
		d.w.refs++
		r.dirty = append(r.dirty, d)
	}
	r.stir()
}

// keep has the journal keep a record of w as it is.
func (r *records) keep(w *write) {
	if !w.keeping {
		w.keeping = true
		w.dirty++
		w.refs++
		r.keeping = append(r.keeping, w)
	}
	r.stir()
}

// settle has the journal forget a write.
func (r *records) settle(seq uint64) {
	r.live.Remove(seq)
	r.settled = append(r.settled, seq)
	r.stir()
}

func (r *records) stir() {
	if !r.pending {
		r.pending = true
		r.onDirty()
	}
}

// enough tells whether the journal has all that is known of w, nobody is at it, and no
// delivery needs it in memory.
func (r *records) enough(w *write) bool {
	if w.class != classPending && w.class != classParked || !w.told || w.composing || w.dirty > 0 {
		return false
	}
	left := 0
	for i := range w.deliveries {
		switch d := &w.deliveries[i]; d.state {
		case sending:
			return false
		case waiting:
			if !d.away {
				return false
			}
			left++
		case parked:
			if !d.reached {
				return false // it is taken up when the backend is back
			}
			left++
		case delivered, rejected, dropped:
		}
	}
	return w.refs == left
}

// dismiss takes w, of which records.enough holds, out of memory.
func (l *ledger) dismiss(w *write) {
	for i := range w.deliveries {
		if d := &w.deliveries[i]; d.state == parked {
			d.to.held.remove(d)
		}
	}
	l.unlink(w)
	l.put(w.memory)
	w.request, w.memory = nil, nil
	w.refs = 0
	l.free(w)
}

// install makes w, which was read from the journal, one in memory, in the state that the
// backends' records say. It returns the one there is already, if there is, and nil if the
// write is settled. The caller gets a reference.
func (l *ledger) install(w *write) *write {
	r := l.records
	if have := r.bySeq[w.seq]; have != nil {
		have.refs++
		return have
	}
	if !r.live.Has(w.seq) {
		return nil
	}
	w.refs, w.unfinished, w.parked, w.firsts = 1, 0, 0, 0
	for i := range w.deliveries {
		l.place(&w.deliveries[i])
	}
	w.class = classPending
	if w.unfinished == 0 && w.parked > 0 {
		w.class = classParked
	}
	if w.scoped {
		l.ask(w)
		l.byScope[w.scope] = w
	}
	if w.keyed && w.parked > 0 {
		w.lane, w.holds = l.lanes.byKey[w.order], w.parked
	}
	w.told = true
	w.wanted.Store(w.scoped && w.kept == nil)
	l.link(w)
	l.bytes += w.size
	return w
}

// place puts a delivery that was read from the journal into the state that its backend's
// records say.
func (l *ledger) place(d *delivery) {
	w, b := d.w, &d.to.disk
	switch {
	case b.done.Has(w.seq):
		if d.state != rejected && d.state != dropped {
			d.state = delivered
		}
	case b.parked.Has(w.seq):
		d.state, d.reached = parked, true
		w.parked++
		d.to.held.insert(d)
	default:
		d.state, d.away = waiting, true
		w.unfinished++
	}
	if d.firstEnded {
		w.firsts++
	}
	if !d.state.done() {
		d.lacking = !b.asked.Has(w.seq)
		w.refs++
	}
}

// ask sends a keyed write to a backend that has it once more, if no answer to it is known: the
// process ended before it could be kept. By the key the backend knows it for a repeat. It does not
// lack the write meanwhile. With an ordering key it may have been sent a later write of that since, and one that
// applies repeats would go back: then the others' answers have to do, as long as one of them has yet to take it.
func (l *ledger) ask(w *write) {
	if w.kept != nil || w.good != nil || w.bad != nil || l.keepFor <= 0 || w.keyed && w.unfinished+w.parked > 0 {
		return
	}
	for i := range w.deliveries {
		d := &w.deliveries[i]
		if d.state != delivered {
			continue
		}
		if w.class == classParked {
			l.parked--
			l.pending++
			w.class = classPending
		}
		d.state, d.away = waiting, true
		d.attempts, d.firstEnded = 0, false
		d.to.disk.done.Remove(w.seq)
		d.to.disk.touch(journal.Block(w.seq))
		d.to.disk.away.Add(w.seq)
		d.to.disk.asked.Add(w.seq)
		d.to.owed++
		d.to.stir()
		w.unfinished++
		w.refs++
		return
	}
}

// approach queues the first attempt of an away delivery's life in memory, or its next.
func (l *ledger) approach(d *delivery, n int, now int64) {
	w, t := d.w, d.to
	d.away = false
	t.disk.away.Remove(w.seq)
	t.near++
	t.held.insert(d)
	if w.keyed {
		if w.lane == nil {
			w.lane = l.lanes.of(w.order, n)
		}
		w.holds++
		w.lane.refs++
		w.lane.enter(d)
	}
	if mayBegin(d) {
		t.queue.again(d, now)
	}
}
