package fanout

// refusal is why a write is not accepted.
type refusal uint8

const (
	admitted refusal = iota
	tooMany
	tooManyBytes
	tooLarge   // its body
	notServing // the drain's time is over
	allHeld    // every backend is held
	noRoom     // in the journal
	noJournal  // it failed before and is not back
	forgotten  // whether it repeats another has to be found out again
	uncertain  // it failed now: the write may be delivered after a crash
	repeated   // it is another's request again
	badKey     // its Idempotency-Key is none
	keyTaken   // its Idempotency-Key came with another request before
)

// ledger is every write there is, and the accounting: a single-threaded core that Fanout.mu
// is the lock of. The accounting changes in move alone, when a delivery's state does.
type ledger struct {
	maxWrites int
	maxBytes  int64

	first, last *write // unfinished, parked and kept ones in the order they were accepted; without a journal
	byID        map[[16]byte]*write
	byScope     map[scope]*write // keyed ones
	kept        keptList         // settled ones that can still be found, and go when there is no room
	answers     keptList         // keyed ones, which don't: a repeat would be a new write
	keepFor     int64            // ns

	lanes lanes // of the ordering keys of what is not done

	seq                                uint64
	unkeyed                            uint64 // of the accepted: without an ordering key
	accepted, settled, pending, parked uint64
	wanted                             int // writes whose clients wait
	writes                             int // in the list
	arriving                           int // admitted, their bodies not complete yet
	bytes                              int64

	free   func(*write)  // takes back what nobody refers to
	put    func(*buffer) // takes back a settled write's request
	onKeep func()        // told when there is a kept write again

	records *records           // of the journal; nil: writes are in memory alone
	reading map[uint64]reading // by sequence

	draining bool
	onQuiet  func() // told, while draining, when perhaps nothing is waited for any more
}

// countOf is at most how many writes of a class, by its word on pages, can be found.
func (l *ledger) countOf(word string) uint64 {
	switch word {
	case classPending.String():
		return l.pending
	case classParked.String():
		return l.parked
	}
	return uint64(l.writes)
}

// reserve admits a write of size bytes so far, or says why not.
func (l *ledger) reserve(w *write, size int64) refusal {
	if l.writes+l.arriving >= l.maxWrites && !l.evict() {
		return tooMany
	}
	if r := l.grow(w, size); r != admitted {
		return r
	}
	l.arriving++
	return admitted
}

// fits tells whether size more bytes may be held now.
func (l *ledger) fits(size int64) bool { return size <= l.maxBytes-l.bytes }

// grow admits more bytes of an admitted write.
func (l *ledger) grow(w *write, size int64) refusal {
	if !l.fits(size) {
		return tooManyBytes
	}
	l.bytes += size
	w.size += size
	return admitted
}

// resize makes size what a write counts for; it is not more than before.
func (l *ledger) resize(w *write, size int64) {
	l.bytes += size - w.size
	w.size = size
}

// weigh changes what a write that was accepted counts for, until it is settled, and a keyed one
// as long as it is kept.
func (l *ledger) weigh(w *write, more int64) {
	if w.class != classSettled || w.scoped && !w.gone {
		l.bytes += more
		w.size += more
	}
}

// giveUp ends a write that was admitted and never accepted.
func (l *ledger) giveUp(w *write) {
	l.arriving--
	l.bytes -= w.size
	w.size = 0
}

// sequence gives an admitted write its place among the others: its sequence, and that in its
// key's lines. Its deliveries are sending, waiting or away. What follows is accept or void.
func (l *ledger) sequence(w *write) {
	l.seq++
	w.seq, w.refs = l.seq, 1
	if w.scoped {
		l.byScope[w.scope] = w
	}
	for i := range w.deliveries {
		d := &w.deliveries[i]
		if d.away {
			d.to.disk.away.Add(w.seq)
			continue
		}
		d.to.near++
		if w.lane != nil {
			w.holds++
			w.lane.refs++
			w.lane.enter(d)
		}
		if d.state == sending {
			d.to.queue.sending++
		}
	}
	if w.lane != nil && w.holds == 0 {
		if w.lane.refs == 0 {
			l.lanes.drop(w.lane)
		}
		w.lane = nil
	}
	if l.records != nil {
		l.records.arriving.Add(w.seq)
	}
}

// void takes back what sequence did: the write is not accepted.
func (l *ledger) void(w *write, now int64) {
	if w.scoped {
		delete(l.byScope, w.scope)
	}
	l.records.arriving.Remove(w.seq)
	for i := range w.deliveries {
		d := &w.deliveries[i]
		d.to.stir()
		if d.away {
			d.to.disk.away.Remove(w.seq)
			continue
		}
		l.recedes(d.to)
		if d.state == sending {
			d.to.queue.sending--
		}
		d.state = dropped
		if w.lane != nil {
			l.giveWay(d, sending, now)
		}
	}
	l.giveUp(w)
}

// accept makes a write that has its sequence one that is answered for from here on. The client
// and each delivery refer to it, and who repeats it already.
func (l *ledger) accept(w *write, now int64) {
	l.arriving--
	l.accepted++
	l.pending++
	w.accepted, w.class = now, classPending
	w.refs += len(w.deliveries)
	w.unfinished, w.parked = len(w.deliveries), 0
	l.wanted++
	l.link(w)
	if !w.keyed {
		l.unkeyed++
	}
	for i := range w.deliveries {
		d := &w.deliveries[i]
		if !d.away {
			d.to.held.insert(d)
		}
		d.to.owed++
	}
	if l.records != nil {
		l.records.accepted(w)
	}
}

// move puts a delivery into a state, and is the only place that does after acceptance. It
// keeps every count, ends what the backend lacks, and settles the write with its last one.
// A delivery that is done may be gone when it returns.
func (l *ledger) move(d *delivery, to state, now int64) {
	from, w := d.state, d.w
	if from == to {
		return
	}
	wasAway := d.away
	d.state, d.away = to, false
	l.leaves(d, from, wasAway)
	l.enters(d, from, wasAway)
	if w.lane != nil && !to.unfinished() && !wasAway {
		l.giveWay(d, from, now)
	}
	if l.records != nil {
		l.records.moved(d, from, wasAway)
	}
	l.classify(w, now)
	l.quiet()
	if to.done() {
		l.release(w)
	}
}

// leaves counts that d is not in the state from any more.
func (l *ledger) leaves(d *delivery, from state, wasAway bool) {
	w, t := d.w, d.to
	switch {
	case from.unfinished():
		t.owed--
		w.unfinished--
		if from == sending {
			t.queue.sending--
		}
		if !wasAway {
			l.recedes(t)
		}
		if !d.state.unfinished() {
			l.unload(d)
		}
	case from == parked:
		t.parked--
		w.parked--
		if w.lane != nil {
			w.lane.lines[t.index].unpark(w.seq)
		}
		if !d.reached {
			t.unreached--
		}
	}
}

// recedes counts that one delivery less is owed to t in memory.
func (l *ledger) recedes(t *deliverer) {
	t.near--
	if l.records != nil && (t.near == 0 || t.near == l.records.window/2) && t.disk.away.Len() > 0 {
		t.stir() // there is room for what is on disk
	}
}

// unload counts that d, if it was read from the journal, needs its room no longer.
func (l *ledger) unload(d *delivery) {
	b := &d.to.disk
	b.loaded -= d.loaded
	d.loaded = 0
	if b.short {
		d.to.stir()
	}
}

// enters counts that d, which was in the state from, is in the one it is in.
func (l *ledger) enters(d *delivery, from state, wasAway bool) {
	w, t := d.w, d.to
	switch {
	case d.state.unfinished():
		t.owed++
		w.unfinished++
		t.near++
		if d.state == sending {
			t.queue.sending++
		}
		if from == parked {
			t.held.resumed(d)
			if w.lane != nil {
				w.lane.enter(d)
			}
		}
	case d.state == parked:
		t.parked++
		w.parked++
		if w.lane != nil {
			w.lane.lines[t.index].park(w.seq)
		}
		if !d.reached {
			t.unreached++
		}
	default:
		if !wasAway {
			t.held.remove(d)
		}
		l.end(d)
	}
}

// giveWay ends d's claim on its key at its backend, if it had one until now, and lets the next go.
func (l *ledger) giveWay(d *delivery, from state, now int64) {
	lane := d.w.lane
	if from.unfinished() {
		next := lane.leave(d)
		if next != nil && next.state == waiting && !next.w.composing && mayBegin(next) {
			next.to.queue.again(next, now)
			next.to.stir()
		}
	}
	if d.state.done() {
		l.lanes.release(lane)
		if d.w.holds--; d.w.holds == 0 {
			d.w.lane = nil
		}
	}
}

// end takes a delivery that is done off its backend.
func (l *ledger) end(d *delivery) {
	d.to.disk.asked.Remove(d.w.seq)
	if d.lacking {
		d.lacking = false
		d.to.peer.Lack(-1)
	}
}

// classify moves a write between pending, parked and settled.
func (l *ledger) classify(w *write, now int64) {
	c := classSettled
	switch {
	case w.unfinished > 0:
		c = classPending
	case w.parked > 0:
		c = classParked
	}
	if c == w.class {
		return
	}
	*l.counter(w.class)--
	*l.counter(c)++
	w.class = c
	if c == classSettled {
		l.resize(w, w.held())
		l.put(w.memory)
		w.request, w.memory = nil, nil
		l.leave(w, now)
	}
}

func (l *ledger) counter(c class) *uint64 {
	switch c {
	case classPending:
		return &l.pending
	case classParked:
		return &l.parked
	case classSettled, classNone:
	}
	return &l.settled
}

// answered ends a client's part in a write. disclosed: the client was told its id. Before
// the first hears anything, each backend that has not got the write is marked as lacking it.
func (l *ledger) answered(w *write, disclosed bool, now int64) {
	l.wanted--
	l.quiet()
	if disclosed {
		w.disclosed = true
		l.know(w)
	}
	if w.told {
		if l.records != nil && w.class != classSettled && disclosed {
			l.records.keep(w)
		}
		l.release(w)
		return
	}
	w.told = true
	if w.class != classSettled {
		for i := range w.deliveries {
			if d := &w.deliveries[i]; !d.state.done() {
				d.lacking = true
				d.to.peer.Lack(+1)
			}
		}
	}
	l.leave(w, now)
	l.release(w)
}

// leave takes a write that is settled and answered out of the list, unless its id was
// disclosed or it is a keyed one: then it can still be found until its time is over.
func (l *ledger) leave(w *write, now int64) {
	asked := (w.disclosed || w.scoped) && l.keepFor > 0
	if l.records != nil && w.told && asked {
		w.expires = now + l.keepFor
		l.records.keep(w) // and unlinked when that is done, if it is settled
	}
	switch {
	case w.class != classSettled || !w.told:
		return
	case l.records != nil:
		l.records.settle(w.seq)
		if !asked {
			l.unlink(w)
		}
		return
	case !asked:
		l.unlink(w)
		return
	}
	w.refs++
	w.expires = now + l.keepFor
	list := &l.kept
	if w.scoped {
		list = &l.answers
	}
	if list.push(w); list.first == w {
		l.onKeep()
	}
}

// expire forgets kept writes whose time is over, and returns when the next one is due, 0 for none.
func (l *ledger) expire(now int64) (due int64) {
	for _, list := range [...]*keptList{&l.kept, &l.answers} {
		for list.first != nil && list.first.expires <= now {
			l.forget(list.pop())
		}
		if at := list.due(); at != 0 && (due == 0 || at < due) {
			due = at
		}
	}
	return due
}

// evict forgets the kept write that was settled first, if there is one that is not keyed.
func (l *ledger) evict() bool {
	w := l.kept.pop()
	if w == nil {
		return false
	}
	l.forget(w)
	return true
}

// forget ends what is kept of a write.
func (l *ledger) forget(w *write) {
	l.unlink(w)
	l.release(w)
}

// know lets a write be found by its id.
func (l *ledger) know(w *write) {
	if !w.known {
		w.known = true
		l.byID[w.id] = w
	}
}

// quiet has a drain look whether it waits for anything.
func (l *ledger) quiet() {
	if l.draining {
		l.onQuiet()
	}
}

// link puts w, which was accepted last, among those that can be listed.
func (l *ledger) link(w *write) {
	l.writes++
	if l.records != nil {
		l.records.bySeq[w.seq] = w
		return
	}
	w.prev, w.next = l.last, nil
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
}

// unlink takes w out, and out of those that can be found.
func (l *ledger) unlink(w *write) {
	l.writes--
	l.resize(w, 0)
	w.gone = true
	if w.known {
		w.known = false
		delete(l.byID, w.id)
	}
	if w.scoped {
		delete(l.byScope, w.scope)
	}
	if l.records != nil {
		l.outdate(w.seq)
		if w.scoped {
			l.records.dismissals++
		}
		delete(l.records.bySeq, w.seq)
		return
	}
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
}

// release ends one reference. A write that is then only waited for by the journal leaves memory.
func (l *ledger) release(w *write) {
	w.refs--
	switch {
	case w.refs == 0:
		l.free(w)
	case l.records != nil && l.records.enough(w):
		l.dismiss(w)
	}
}
