package fanout

import (
	"slices"
	"sync/atomic"
)

// maxFreeLanes is how many lanes are kept for the next keys.
const maxFreeLanes = 4096

// orderKey is an ordering key: its SHA-256, cut to 128 bits. Two keys with the same one would
// be delivered as one, in order.
type orderKey [16]byte

// lane is the deliveries of one ordering key. On each backend only the first of its line may
// be queued or sent; the others wait for it to be delivered, rejected, parked or dropped.
// Fanout.mu guards it. It lives as long as one of its deliveries is not done.
type lane struct {
	key    orderKey
	refs   int // deliveries that are not done
	lines  []line
	barred bool  // none may begin (lanes.bar)
	next   *lane // in the free list
}

// line is a lane's unfinished deliveries to one backend, in the order they were accepted.
type line struct {
	first, last *delivery
	sent        uint64   // the highest sequence of which an attempt has reached the backend
	parked      []uint64 // the sequences of parked ones, ascending, be they in memory or not
}

// idle tells whether a new write of the key may be sent to backend i at once.
func (l *lane) idle(i int) bool { return l.lines[i].first == nil && !l.barred }

// leads tells whether d may be queued or sent: nothing of its key is before it.
func leads(d *delivery) bool { return d.lanePrev == nil }

// mayBegin tells whether d, which was not sent yet, may be queued.
func mayBegin(d *delivery) bool { return leads(d) && (d.w.lane == nil || !d.w.lane.barred) }

// enter puts d, which is unfinished now, into its line, by sequence but never before one that
// is being sent. One that is displaced from the first place is taken out of the queue.
func (l *lane) enter(d *delivery) {
	at := &l.lines[d.to.index]
	before := at.before(d)
	d.lanePrev = before
	if before == nil {
		d.laneNext, at.first = at.first, d
	} else {
		d.laneNext, before.laneNext = before.laneNext, d
	}
	if d.laneNext == nil {
		at.last = d
		return
	}
	d.laneNext.lanePrev = d
	d.to.queue.remove(d.laneNext)
}

// before is what d goes behind, nil when it goes first. It is looked for at both ends: a new one is the last, and of
// many parked ones that are taken up again, the last first, each is the first.
func (at *line) before(d *delivery) (before *delivery) {
	next := at.first
	if next != nil && begun(next) {
		before, next = next, next.laneNext
	}
	if next == nil || next.w.seq > d.w.seq {
		return before
	}
	for before = at.last; before.w.seq > d.w.seq; {
		before = before.lanePrev
	}
	return before
}

// leave takes d out of its line and returns the one that leads now, if that was d before.
func (l *lane) leave(d *delivery) (next *delivery) {
	at := &l.lines[d.to.index]
	if d.lanePrev == nil {
		at.first, next = d.laneNext, d.laneNext
	} else {
		d.lanePrev.laneNext = d.laneNext
	}
	if d.laneNext == nil {
		at.last = d.lanePrev
	} else {
		d.laneNext.lanePrev = d.lanePrev
	}
	d.lanePrev, d.laneNext = nil, nil
	return next
}

// begun tells whether the backend may have something of d's present attempt.
func begun(d *delivery) bool { return d.state == sending && !d.yielding }

// overtaken tells whether a later write of d's key was sent to d's backend, or is being sent.
func overtaken(d *delivery) bool {
	l := d.w.lane
	if l == nil {
		return false
	}
	at := &l.lines[d.to.index]
	return at.sent > d.w.seq || at.first != nil && at.first.w.seq > d.w.seq && begun(at.first)
}

// reached notes that an attempt of d has reached its backend. It returns the parked ones that it
// is the first to overtake.
func (l *lane) reached(d *delivery) (passed []uint64) {
	at := &l.lines[d.to.index]
	if d.w.seq <= at.sent {
		return nil
	}
	from, _ := slices.BinarySearch(at.parked, at.sent)
	to, _ := slices.BinarySearch(at.parked, d.w.seq)
	at.sent = d.w.seq
	return at.parked[from:to]
}

// park notes that a delivery is parked.
func (at *line) park(seq uint64) {
	if i, found := slices.BinarySearch(at.parked, seq); !found {
		at.parked = slices.Insert(at.parked, i, seq)
	}
}

// unpark notes that it is not any more.
func (at *line) unpark(seq uint64) {
	if i, found := slices.BinarySearch(at.parked, seq); found {
		at.parked = slices.Delete(at.parked, i, i+1)
	}
}

// lanes are all there are, by key. The zero value is ready.
type lanes struct {
	byKey map[orderKey]*lane
	free  *lane
	spare int

	barred   []*lane // and such as were
	barrings atomic.Uint64
}

// of returns the key's lane over n backends.
func (s *lanes) of(key orderKey, n int) *lane {
	if l := s.byKey[key]; l != nil {
		return l
	}
	l := s.free
	if l == nil {
		l = &lane{lines: make([]line, n)}
	} else {
		s.free, l.next = l.next, nil
		s.spare--
	}
	if s.byKey == nil {
		s.byKey = make(map[orderKey]*lane)
	}
	l.key = key
	s.byKey[key] = l
	return l
}

// release ends one delivery's reference.
func (s *lanes) release(l *lane) {
	if l.refs--; l.refs == 0 {
		s.drop(l)
	}
}

// drop forgets a lane that nothing refers to.
func (s *lanes) drop(l *lane) {
	delete(s.byKey, l.key)
	l.barred = false
	if s.spare < maxFreeLanes {
		clear(l.lines)
		l.next, s.free = s.free, l
		s.spare++
	}
}

// bar keeps what is in l from being sent. A write of its key was refused, since the journal could not say whether it
// is on disk. The later ones that are would overtake it if the process crashed now and the next one found it.
func (s *lanes) bar(l *lane) {
	s.barrings.Add(1)
	if !l.barred {
		l.barred = true
		s.barred = append(s.barred, l)
	}
}

// unbar lets the lanes go on that were barred when barrings was as given: the journal has written something since,
// and before that made sure that what was refused is not found.
func (s *lanes) unbar(barrings uint64, now int64) {
	if len(s.barred) == 0 || s.barrings.Load() != barrings {
		return
	}
	for _, l := range s.barred {
		if !l.barred {
			continue
		}
		l.barred = false
		for i := range l.lines {
			if d := l.lines[i].first; d != nil && d.state == waiting && !d.w.composing {
				d.to.queue.again(d, now)
				d.to.stir()
			}
		}
	}
	clear(s.barred)
	s.barred = s.barred[:0]
}
