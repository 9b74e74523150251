package backend

import (
	"cmp"
	"slices"
)

// ring is the members of the best level there is, least recently picked first from head on.
// As each pick takes the least recently picked, any two members that stay in the ring are
// picked in turn, whoever else comes and goes. Those that return slowly have their turns as
// the others do and let most of them pass.
type ring struct {
	order     []uint8
	head      int
	picks     uint64
	level     int // of all in order
	returning int // members of order that let turns pass; 0 when there is nobody else to take them
}

// rebuild makes the ring of the members of the best level.
func (r *ring) rebuild(ms []member) {
	best := never
	for i := range ms {
		best = min(best, ms[i].level())
	}
	r.order, r.head, r.level, r.returning = r.order[:0], 0, best, 0
	if best == never {
		return
	}
	for i := range ms {
		if ms[i].level() != best {
			continue
		}
		r.order = append(r.order, uint8(i))
		if ms[i].returning() {
			r.returning++
		}
	}
	if r.returning == len(r.order) {
		r.returning = 0
	}
	slices.SortStableFunc(r.order, func(a, b uint8) int {
		return cmp.Compare(ms[a].picked, ms[b].picked)
	})
}

// pick returns the index of the member whose turn it is, -1 when all are tried.
func (r *ring) pick(ms []member, tried Set) int {
	if r.returning == 0 && len(r.order) > 0 && tried&ms[r.order[r.head]].bit == 0 {
		return r.next(ms)
	}
	return r.search(ms, tried)
}

// search is pick when the head may not be the one.
func (r *ring) search(ms []member, tried Set) int {
	if r.returning > 0 {
		r.pass(ms)
	}
	n := len(r.order)
	for k := range n {
		m := &ms[r.order[(r.head+k)%n]]
		if tried&m.bit == 0 && (r.returning == 0 || m.takes()) {
			return r.take(ms, k)
		}
	}
	for k := range n { // only those are left that would let their turn pass
		if tried&ms[r.order[(r.head+k)%n]].bit == 0 {
			return r.take(ms, k)
		}
	}
	return r.pickOther(ms, tried)
}

// pass has those at the head that let their turn pass do so: they go to the end, and are as
// if picked to everybody else.
func (r *ring) pass(ms []member) {
	for range r.returning {
		m := &ms[r.order[r.head]]
		if m.takes() {
			return
		}
		r.next(ms)
	}
}

// take gives the k-th from the head its turn. Those before it, tried ones or such as let their
// next turn pass, keep theirs.
func (r *ring) take(ms []member, k int) int {
	n := len(r.order)
	at := (r.head + k) % n
	i := r.order[at]
	for ; k > 0; k-- {
		before := (at + n - 1) % n
		r.order[at] = r.order[before]
		at = before
	}
	r.order[r.head] = i
	return r.next(ms)
}

// next gives the head its turn: it goes to the end.
func (r *ring) next(ms []member) int {
	i := r.order[r.head]
	r.head++
	if r.head == len(r.order) {
		r.head = 0
	}
	ms[i].turn++
	r.stamp(&ms[i])
	return int(i)
}

// pickOther picks outside the ring, where everybody is tried.
func (r *ring) pickOther(ms []member, tried Set) int {
	best := -1
	for i := range ms {
		m := &ms[i]
		l := m.level()
		if l == never || tried&m.bit != 0 {
			continue
		}
		if best < 0 || l < ms[best].level() || l == ms[best].level() && m.picked < ms[best].picked {
			best = i
		}
	}
	if best >= 0 {
		r.stamp(&ms[best])
	}
	return best
}

func (r *ring) stamp(m *member) {
	r.picks++
	m.picked = r.picks
}
