package fanout

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// fakePeer counts what a backend is told.
type fakePeer struct {
	down  bool
	lacks int
}

func (p *fakePeer) Up() bool   { return !p.down }
func (p *fakePeer) Lack(d int) { p.lacks += d }

// books is a ledger under test, and all it ever was told.
type books struct {
	ledger
	to    []*deliverer
	peers []*fakePeer
	all   []*write
	freed map[*write]bool
	now   int64
}

func newBooks(backends int) *books {
	b := &books{freed: map[*write]bool{}}
	b.ledger = ledger{
		maxWrites: 20, maxBytes: 1000, keepFor: 50, byID: map[[16]byte]*write{}, byScope: map[scope]*write{},
		free: func(w *write) { b.freed[w] = true }, put: func(*buffer) {}, onKeep: func() {}, onQuiet: func() {},
	}
	for range backends {
		p := &fakePeer{}
		b.peers = append(b.peers, p)
		b.to = append(b.to, &deliverer{peer: p, index: len(b.to), queue: newQueue()})
	}
	return b
}

func (b *books) accept(size int64) *write { return b.acceptAs(size, false) }

// acceptAs accepts a write, keyed if scoped, with a scope of its own.
func (b *books) acceptAs(size int64, scoped bool) *write {
	w := new(write)
	w.begin(b.to)
	w.scoped, w.scope = scoped, scope{byte(b.seq), byte(b.seq >> 8), 2}
	if b.reserve(w, size) != admitted {
		return nil
	}
	w.setID([16]byte{byte(b.seq), byte(b.seq >> 8), 1})
	b.sequence(w)
	b.ledger.accept(w, b.now)
	b.all = append(b.all, w)
	return w
}

// check counts everything anew.
func (b *books) check(t *rapid.T) {
	if b.accepted != b.settled+b.pending+b.parked || b.accepted != uint64(len(b.all)) {
		t.Fatalf("accepted %d, settled %d, pending %d, parked %d of %d", b.accepted, b.settled, b.pending, b.parked, len(b.all))
	}
	var listed []*write
	for w := b.first; w != nil; w = w.next {
		listed = append(listed, w)
	}
	var bytes int64
	scopes := 0
	classes := map[class]uint64{}
	for _, w := range b.all {
		bytes += w.size
		classes[w.class]++
		if w.scoped && !b.freed[w] {
			scopes++
			if b.byScope[w.scope] != w {
				t.Fatalf("write %d is not found by its scope", w.seq)
			}
		}
		if w.scoped && b.freed[w] && (w.class != classSettled || w.expires > b.now) {
			t.Fatalf("keyed write %d was forgotten at %d, its time is over at %d", w.seq, b.now, w.expires)
		}
		if listedNow := slices.Contains(listed, w); listedNow == b.freed[w] {
			t.Fatalf("write %d: listed %v, freed %v", w.seq, listedNow, b.freed[w])
		}
	}
	if scopes != len(b.byScope) {
		t.Fatalf("%d scopes for %d writes", len(b.byScope), scopes)
	}
	if bytes != b.bytes || len(listed) != b.writes {
		t.Fatalf("%d bytes counted for %d; %d writes for %d", b.bytes, bytes, b.writes, len(listed))
	}
	if classes[classPending] != b.pending || classes[classParked] != b.parked || classes[classSettled] != b.settled {
		t.Fatalf("classes %v: %d %d %d", classes, b.pending, b.parked, b.settled)
	}
	for i, to := range b.to {
		var owed, parkedN, unreached, lacks, underWay int
		var oldest *delivery
		var held []*delivery
		for _, w := range b.all {
			d := &w.deliveries[i]
			if d.state.done() {
				continue
			}
			held = append(held, d)
			if d.lacking {
				lacks++
			}
			if d.lacking != w.told {
				t.Fatalf("write %d lacks %v, answered %v", w.seq, d.lacking, w.told)
			}
			if d.state == parked {
				parkedN++
				if !d.reached {
					unreached++
				}
				continue
			}
			owed++
			if d.state == sending {
				underWay++
			}
			if oldest == nil {
				oldest = d
			}
		}
		if to.owed != owed || to.parked != parkedN || to.unreached != unreached || b.peers[i].lacks != lacks {
			t.Fatalf("backend %d: owed %d/%d parked %d/%d unreached %d/%d lacks %d/%d", i,
				to.owed, owed, to.parked, parkedN, to.unreached, unreached, b.peers[i].lacks, lacks)
		}
		if to.queue.sending != underWay {
			t.Fatalf("backend %d: %d are counted as being sent, %d are", i, to.queue.sending, underWay)
		}
		if got := to.held.oldestOwed(); got != oldest {
			t.Fatalf("backend %d: the oldest is %v, want %v", i, got, oldest)
		}
		var list []*delivery
		for d := to.held.first; d != nil; d = d.next {
			list = append(list, d)
		}
		if !slices.Equal(list, held) {
			t.Fatalf("backend %d holds %d, want %d", i, len(list), len(held))
		}
	}
}

func TestTheBooksBalanceWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBooks(rapid.IntRange(1, 4).Draw(t, "backends"))
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			b.now += rapid.Int64Range(0, 20).Draw(t, "later")
			op := rapid.IntRange(0, 9).Draw(t, "op")
			if op <= 2 || len(b.all) == 0 {
				b.acceptAs(rapid.Int64Range(0, 200).Draw(t, "size"), rapid.Bool().Draw(t, "keyed"))
				b.check(t)
				continue
			}
			w := b.all[rapid.IntRange(max(0, len(b.all)-8), len(b.all)-1).Draw(t, "write")]
			switch {
			case op == 3 && !b.freed[w]: // a keyed one more than once
				if w.told {
					if !w.scoped {
						continue
					}
					w.refs++
				}
				b.answered(w, rapid.Bool().Draw(t, "disclosed"), b.now)
			case op == 6 && w.scoped && w.good == nil && !b.freed[w]:
				w.good = &response{buf: &buffer{b: make([]byte, rapid.IntRange(0, 50).Draw(t, "answer"))}}
				b.weigh(w, w.good.size())
			case op == 4:
				b.expire(b.now)
			case op == 5 && !b.freed[w]:
				b.know(w)
			default:
				d := &w.deliveries[rapid.IntRange(0, len(w.deliveries)-1).Draw(t, "backend")]
				if d.state.done() {
					continue
				}
				next := state(rapid.IntRange(int(sending), int(dropped)).Draw(t, "state"))
				if d.state != parked {
					d.reached = rapid.Bool().Draw(t, "reached")
				}
				b.move(d, next, b.now)
			}
			b.check(t)
		}
		// to the end: nothing is left
		for _, w := range b.all {
			for i := range w.deliveries {
				if !w.deliveries[i].state.done() {
					b.move(&w.deliveries[i], delivered, b.now)
				}
			}
			if !w.told {
				b.answered(w, true, b.now)
			}
		}
		b.now += 1000
		b.expire(b.now)
		b.check(t)
		if b.settled != b.accepted || b.bytes != 0 || b.writes != 0 || len(b.byID) != 0 || len(b.byScope) != 0 || b.kept.first != nil || b.answers.first != nil {
			t.Fatalf("left: %d of %d settled, %d bytes, %d writes, %d ids", b.settled, b.accepted, b.bytes, b.writes, len(b.byID))
		}
	})
}

func TestBoundsCountWhatIsUnfinishedParkedAndArriving(t *testing.T) {
	b := newBooks(1)
	b.maxWrites, b.maxBytes = 3, 100
	arriving := new(write)
	if r := b.reserve(arriving, 10); r != admitted {
		t.Fatal(r)
	}
	first, second := b.accept(10), b.accept(10)
	if w := b.accept(10); w != nil {
		t.Fatal("a fourth was admitted")
	}
	b.move(&first.deliveries[0], parked, 0)
	if w := b.accept(10); w != nil {
		t.Fatal("a parked one does not count")
	}
	b.giveUp(arriving)
	if w := b.accept(81); w != nil {
		t.Fatal("101 bytes were admitted")
	}
	third := b.accept(80)
	if third == nil {
		t.Fatal("what was given up still counts")
	}
	b.move(&second.deliveries[0], delivered, 0)
	b.answered(second, false, 0)
	if w := b.accept(10); w == nil {
		t.Fatal("what is settled still counts")
	}
}

func TestAKeptWriteMakesRoomForANewOne(t *testing.T) {
	b := newBooks(1)
	b.maxWrites = 2
	w, other := b.accept(1), b.accept(1)
	b.answered(w, true, 0)
	b.move(&w.deliveries[0], delivered, 0)
	if b.byID[w.id] != w {
		t.Fatal("a disclosed write can't be found once it is settled")
	}
	if b.accept(1) == nil {
		t.Fatal("a kept state keeps a new write out")
	}
	if b.byID[w.id] != nil || !b.freed[w] {
		t.Error("it was not forgotten")
	}
	if b.accept(1) != nil {
		t.Error("an unfinished one was forgotten")
	}
	_ = other
}

func TestAKeptAnswerMakesNoRoomForANewWriteBeforeItsTimeIsOver(t *testing.T) {
	b := newBooks(1)
	b.maxWrites = 2
	keyed, state := b.acceptAs(1, true), b.accept(1)
	for _, w := range []*write{keyed, state} {
		b.answered(w, true, 0)
		b.move(&w.deliveries[0], delivered, 0)
	}
	if b.accept(1) == nil || !b.freed[state] {
		t.Fatal("a state that was settled after it did not go first")
	}
	b.now = b.keepFor - 1
	b.expire(b.now)
	if b.accept(1) != nil || b.freed[keyed] {
		t.Fatal("the answer was forgotten before its time")
	}
	b.expire(b.keepFor)
	if b.accept(1) == nil || !b.freed[keyed] || b.byScope[keyed.scope] != nil {
		t.Error("it was not forgotten after")
	}
}
