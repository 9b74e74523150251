package backend

import (
	"cmp"
	"slices"
)

// member is what picking knows about a backend.
type member struct {
	bit    Set
	state  State
	lacks  int
	picked uint64 // when it was picked last, in picks; 0: never
}

// level is how eligible a member is: 0 is best.
func (m *member) level() int {
	switch {
	case m.state == Live && m.lacks <= 0:
		return 0
	case m.state == Live:
		return 1
	case m.state == Ejected:
		return 2
	}
	return never
}

// never is the level of members that are not picked at all.
const never = 3

// ring is the members of the best level there is, least recently picked first from head on.
// As each pick takes the least recently picked, any two members that stay in the ring are
// picked in turn, whoever else comes and goes.
type ring struct {
	order []uint8
	head  int
	picks uint64
}

// rebuild makes the ring of the members of the best level.
func (r *ring) rebuild(ms []member) {
	best := never
	for i := range ms {
		best = min(best, ms[i].level())
	}
	r.order, r.head = r.order[:0], 0
	if best == never {
		return
	}
	for i := range ms {
		if ms[i].level() == best {
			r.order = append(r.order, uint8(i))
		}
	}
	slices.SortStableFunc(r.order, func(a, b uint8) int {
		return cmp.Compare(ms[a].picked, ms[b].picked)
	})
}

// pick returns the index of the member whose turn it is, -1 when all are tried.
func (r *ring) pick(ms []member, tried Set) int {
	n := len(r.order)
	for k := range n {
		at := (r.head + k) % n
		i := r.order[at]
		if tried&ms[i].bit != 0 {
			continue
		}
		// The k tried ones before it keep their turns; it goes to the end.
		for ; k > 0; k-- {
			before := (at + n - 1) % n
			r.order[at] = r.order[before]
			at = before
		}
		r.order[r.head] = i
		r.head++
		if r.head == n {
			r.head = 0
		}
		r.stamp(&ms[i])
		return int(i)
	}
	return r.pickOther(ms, tried)
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
