package fanout

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// laneModel is what the keyed queue is compared with: plain lists.
type laneModel struct {
	*books
	composing []*write
	active    []*delivery // being sent
}

// unfinishedOf are the deliveries of a key to a backend that are not finished, by sequence.
func (m *laneModel) unfinishedOf(key orderKey, backend int) (ds []*delivery) {
	for _, w := range m.all {
		if !m.freed[w] && w.keyed && w.order == key && w.deliveries[backend].state.unfinished() {
			ds = append(ds, &w.deliveries[backend])
		}
	}
	return ds
}

func (m *laneModel) accept(t *rapid.T) {
	w := new(write)
	w.begin(m.to)
	if m.reserve(w, 10) != admitted {
		return
	}
	w.setID([16]byte{byte(m.seq), byte(m.seq >> 8), 1})
	if k := rapid.IntRange(0, 3).Draw(t, "key"); k > 0 {
		w.setOrder([]byte{byte(k)})
		w.lane = m.lanes.of(w.order, len(m.to))
	}
	for i, to := range m.to {
		before := 0
		if w.keyed {
			before = len(m.unfinishedOf(w.order, i))
		}
		if idle := w.lane == nil || w.lane.idle(i); idle != (before == 0) {
			t.Fatalf("backend %d: idle is %v with %d before", i, idle, before)
		}
		if before > 0 || !to.queue.open(true) {
			w.deliveries[i].state, w.composing = waiting, true
		}
	}
	m.sequence(w)
	m.ledger.accept(w, m.now)
	m.all = append(m.all, w)
	for i := range w.deliveries {
		if d := &w.deliveries[i]; d.state == sending {
			m.active = append(m.active, d)
		}
	}
	if w.composing {
		m.composing = append(m.composing, w)
	}
	m.answered(w, false, m.now)
}

// compose ends the making of a write's bytes, as owe does.
func (m *laneModel) compose(t *rapid.T) {
	if len(m.composing) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.composing)-1).Draw(t, "composed")
	w := m.composing[i]
	m.composing = slices.Delete(m.composing, i, i+1)
	w.composing = false
	for i := range w.deliveries {
		if d := &w.deliveries[i]; d.state == waiting && d.heap == nil && leads(d) {
			d.to.queue.add(d)
		}
	}
}

// next sends what a backend's queue gives.
func (m *laneModel) next(t *rapid.T) {
	to := m.to[rapid.IntRange(0, len(m.to)-1).Draw(t, "backend")]
	m.now += 10
	d := to.queue.next(m.now, rapid.Bool().Draw(t, "up"))
	if d == nil {
		return
	}
	for _, other := range m.unfinishedOf(d.w.order, to.index) {
		if d.w.keyed && other != d && (other.w.seq < d.w.seq || other.state == sending) {
			t.Fatalf("%d is begun while %d is %v", d.w.seq, other.w.seq, other.state)
		}
	}
	m.move(d, sending, m.now)
	m.active = append(m.active, d)
}

// end ends a sending.
func (m *laneModel) end(t *rapid.T) {
	if len(m.active) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.active)-1).Draw(t, "active")
	d := m.active[i]
	m.active = slices.Delete(m.active, i, i+1)
	d.to.queue.ended(d)
	d.reached = true
	to := rapid.SampledFrom([]state{delivered, waiting, rejected, parked}).Draw(t, "to")
	if d.w.lane != nil && rapid.Bool().Draw(t, "reached") {
		d.w.lane.reached(d)
	}
	if to == waiting {
		d.to.queue.addAt(d, m.now+rapid.Int64Range(0, 30).Draw(t, "wait"))
	}
	m.move(d, to, m.now)
}

// operate retries or drops a delivery.
func (m *laneModel) operate(t *rapid.T) {
	if len(m.all) == 0 {
		return
	}
	w := m.all[rapid.IntRange(0, len(m.all)-1).Draw(t, "write")]
	if m.freed[w] || w.composing {
		return
	}
	d := &w.deliveries[rapid.IntRange(0, len(m.to)-1).Draw(t, "of")]
	switch drop := rapid.Bool().Draw(t, "drop"); {
	case drop && (d.state == waiting || d.state == parked):
		d.to.queue.remove(d)
		m.move(d, dropped, m.now)
	case !drop && d.state == parked && !overtaken(d):
		m.move(d, waiting, m.now)
		d.due = 0
		if leads(d) {
			d.to.queue.add(d)
		}
	}
}

// check compares every line with the list, and looks that none is stuck.
func (m *laneModel) check(t *rapid.T) {
	held := 0
	for key, l := range m.lanes.byKey {
		held += l.refs
		for i := range m.to {
			var got []*delivery
			for d := l.lines[i].first; d != nil; d = d.laneNext {
				got = append(got, d)
			}
			if want := m.unfinishedOf(key, i); !slices.Equal(got, want) {
				t.Fatalf("backend %d: a line of %d, want %d", i, len(got), len(want))
			}
			for n, d := range got {
				queued := d.heap != nil || d.state == sending
				if n > 0 && queued || n == 0 && !queued && !d.w.composing {
					t.Fatalf("%d is at %d of its line and %v", d.w.seq, n, d.state)
				}
			}
		}
	}
	open := 0
	for _, w := range m.all {
		for i := range w.deliveries {
			if !m.freed[w] && w.keyed && !w.deliveries[i].state.done() {
				open++
			}
		}
	}
	if held != open {
		t.Fatalf("lanes hold %d deliveries of %d", held, open)
	}
}

func TestAKeysDeliveriesGoOneAtATimeInSequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &laneModel{books: newBooks(2)}
		t.Repeat(map[string]func(*rapid.T){
			"accept": m.accept, "compose": m.compose, "next": m.next, "end": m.end, "operate": m.operate, "": m.check,
		})
	})
}

// A retry by force does not join the one that is being sent, and does not make it wait for ever.
func TestAForcedRetryWaitsForWhatOvertookIt(t *testing.T) {
	b := newBooks(1)
	accept := func() *delivery {
		w := new(write)
		w.begin(b.to)
		w.setOrder([]byte("k"))
		b.reserve(w, 1)
		w.lane = b.lanes.of(w.order, 1)
		if !w.lane.idle(0) {
			w.deliveries[0].state = waiting
		}
		b.sequence(w)
		b.ledger.accept(w, 0)
		return &w.deliveries[0]
	}
	first, second := accept(), accept()
	first.reached = true
	b.move(first, parked, 0) // lets the second go
	if b.to[0].queue.next(0, true) != second {
		t.Fatal("the second does not go")
	}
	b.move(second, sending, 0)
	if !overtaken(first) {
		t.Fatal("not overtaken")
	}
	b.move(first, waiting, 0)
	if leads(first) {
		t.Fatal("both are sent at once")
	}
	b.move(second, delivered, 0)
	if b.to[0].queue.next(0, true) != first {
		t.Fatal("the first does not go")
	}
}

// Of many that are taken up again each goes first, a new one last, and none before what is being sent.
func TestALineIsInOrderBehindWhatIsBeingSent(t *testing.T) {
	for name, c := range map[string]struct{ enter, want []uint64 }{
		"new ones":                      {[]uint64{1, 2, 3}, []uint64{1, 2, 3}},
		"taken up, the last first":      {[]uint64{5, 6, 3, 2, 1}, []uint64{1, 2, 3, 5, 6}},
		"taken up, the first first":     {[]uint64{5, 6, 1, 2, 3}, []uint64{1, 2, 3, 5, 6}},
		"in between":                    {[]uint64{1, 5, 3}, []uint64{1, 3, 5}},
		"behind what is sent":           {[]uint64{104, 5, 3, 2}, []uint64{104, 2, 3, 5}},
		"alone behind what is sent":     {[]uint64{104, 2}, []uint64{104, 2}},
		"in between, behind what is so": {[]uint64{104, 2, 7, 5}, []uint64{104, 2, 5, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			to := &deliverer{queue: newQueue()}
			l := &lane{lines: make([]line, 1)}
			for _, seq := range c.enter {
				d := &delivery{w: &write{seq: seq, lane: l}, to: to, state: waiting}
				if seq > 100 {
					d.state = sending
				}
				l.enter(d)
			}
			var got []uint64
			for d := l.lines[0].first; d != nil; d = d.laneNext {
				got = append(got, d.w.seq)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// Nothing of a barred key begins, and what the journal wrote before it was barred lets nothing go.
func TestABarredLaneRestsUntilTheJournalHasWrittenSince(t *testing.T) {
	to := &deliverer{queue: newQueue(), wake: make(chan struct{}, 1)}
	var s lanes
	l := s.of(orderKey{1}, 1)
	if !l.idle(0) {
		t.Error("a new lane is not idle")
	}
	before := s.barrings.Load()
	s.bar(l)
	if l.idle(0) {
		t.Error("a barred lane is idle")
	}
	d := &delivery{w: &write{seq: 1, lane: l}, to: to, state: waiting}
	l.enter(d)
	if mayBegin(d) {
		t.Error("the first of a barred lane may begin")
	}
	s.unbar(before, 1)
	if mayBegin(d) || d.heap != nil {
		t.Error("it may begin by what was written before")
	}
	s.unbar(s.barrings.Load(), 1)
	if !mayBegin(d) || d.heap == nil {
		t.Error("it is not queued")
	}
}
