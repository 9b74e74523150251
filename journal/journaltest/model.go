package journaltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tutti/journal"
)

// model is what a journal has to hold, in its plainest form.
type model struct {
	live    map[uint64]bool
	known   map[string]*modelBackend
	kept    map[uint64]journal.Kept
	scoped  map[journal.Scope]uint64
	history bool
}

type modelBackend struct {
	done          map[uint64]journal.Bits
	notes         map[uint64]journal.Note
	drained, held bool
}

func newModel() *model {
	return &model{
		live: map[uint64]bool{}, known: map[string]*modelBackend{},
		kept: map[uint64]journal.Kept{}, scoped: map[journal.Scope]uint64{},
	}
}

func (m *model) clone() *model {
	n := *m
	n.live, n.kept, n.scoped = maps.Clone(m.live), maps.Clone(m.kept), maps.Clone(m.scoped)
	n.known = map[string]*modelBackend{}
	for name, b := range m.known {
		n.known[name] = &modelBackend{maps.Clone(b.done), maps.Clone(b.notes), b.drained, b.held}
	}
	return &n
}

func (b *modelBackend) has(seq uint64) bool {
	bits := b.done[journal.Block(seq)]
	return bits[seq%journal.BlockSize/64]>>(seq%64)&1 == 1
}

func (m *model) owed(b *modelBackend) (owed, parked int) {
	for seq := range m.live {
		if b.has(seq) {
			continue
		}
		owed++
		if b.notes[seq].State == journal.NoteParked {
			parked++
		}
	}
	return owed, parked
}

// register is what the first thing that is written does.
func (m *model) register(names []string) {
	for name, b := range m.known {
		if owed, _ := m.owed(b); owed == 0 && !slices.Contains(names, name) {
			delete(m.known, name)
		}
	}
	for _, name := range names {
		if m.known[name] == nil {
			m.known[name] = &modelBackend{done: map[uint64]journal.Bits{}, notes: map[uint64]journal.Note{}}
		}
	}
}

func (m *model) append(seq uint64) {
	m.live[seq] = true
	m.history = true
	if sc := entry(seq).Scope; sc != (journal.Scope{}) {
		m.scoped[sc] = seq
	}
}

func (m *model) update(names []string, u *journal.Update) {
	for _, d := range u.Done {
		m.known[names[d.Backend]].done[d.Block] = d.Bits
	}
	for _, n := range u.Notes {
		notes := m.known[names[n.Backend]].notes
		if m.live[n.Seq] {
			notes[n.Seq] = n.Note
		}
		if notes[n.Seq] == (journal.Note{}) {
			delete(notes, n.Seq)
		}
	}
	for _, k := range u.Kept {
		m.kept[k.Seq] = k
		if k.Scope != (journal.Scope{}) && m.scoped[k.Scope] < k.Seq {
			m.scoped[k.Scope] = k.Seq
		}
	}
	for _, seq := range u.Settled {
		delete(m.live, seq)
		for _, b := range m.known {
			delete(b.notes, seq)
		}
		m.unscope(seq)
	}
	for _, seq := range u.Forget {
		delete(m.kept, seq)
		m.unscope(seq)
	}
	for _, f := range u.Flags {
		b := m.known[names[f.Backend]]
		b.drained, b.held = f.Drained, f.Held
	}
}

func (m *model) expire(now int64) (due int64) {
	for seq, k := range m.kept {
		switch {
		case k.Expires == 0:
		case k.Expires <= now:
			delete(m.kept, seq)
			m.unscope(seq)
		case due == 0 || k.Expires < due:
			due = k.Expires
		}
	}
	return due
}

func (m *model) unscope(seq uint64) {
	_, kept := m.kept[seq]
	for sc, at := range m.scoped {
		if at == seq && !kept && !m.live[seq] {
			delete(m.scoped, sc)
		}
	}
}

// view is everything that can be seen of a journal opened with names.
func (m *model) view(names []string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "history %v\nlive %v\n", m.history, slices.Sorted(maps.Keys(m.live)))
	for _, name := range names {
		b := m.known[name]
		if b == nil {
			fmt.Fprintf(&s, "%s new\n", name)
			continue
		}
		var done []uint64
		for _, seq := range slices.Sorted(maps.Keys(m.live)) {
			if b.has(seq) {
				done = append(done, seq)
			}
		}
		fmt.Fprintf(&s, "%s done %v drained %v held %v\n", name, done, b.drained, b.held)
		for _, seq := range slices.Sorted(maps.Keys(b.notes)) {
			fmt.Fprintf(&s, "%s noted %d %+v\n", name, seq, b.notes[seq])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.known)) {
		owed, parked := m.owed(m.known[name])
		if owed > 0 && !slices.Contains(names, name) {
			fmt.Fprintf(&s, "%s gone, owed %d, parked %d\n", name, owed, parked)
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(m.kept)) {
		fmt.Fprintf(&s, "kept %d %+v\n", seq, m.kept[seq])
	}
	for i := range uint64(3) {
		fmt.Fprintf(&s, "scope %d %d\n", i, m.scoped[scope(i)])
	}
	return s.String()
}

// view is the same of the open journal, which was just opened with names.
func (s *store) view(names []string, seqs []uint64) string {
	s.Helper()
	var v strings.Builder
	st := s.state
	s.holds(members(&st.Live)...)
	fmt.Fprintf(&v, "history %v\nlive %v\n", st.History, members(&st.Live))
	for i, b := range st.Backends {
		if b.New {
			fmt.Fprintf(&v, "%s new\n", b.Name)
		} else {
			fmt.Fprintf(&v, "%s done %v drained %v held %v\n", b.Name, members(&b.Done), b.Drained, b.Held)
		}
		for _, n := range st.Notes {
			if n.Backend == i {
				fmt.Fprintf(&v, "%s noted %d %+v\n", names[i], n.Seq, n.Note)
			}
		}
	}
	for _, g := range st.Gone {
		fmt.Fprintf(&v, "%s gone, owed %d, parked %d\n", g.Name, g.Owed, g.Parked)
	}
	v.WriteString(s.records(seqs))
	return v.String()
}

func (s *store) records(seqs []uint64) string {
	s.Helper()
	var v strings.Builder
	for _, seq := range slices.Sorted(slices.Values(seqs)) {
		k, err := s.j.Kept(seq)
		if err == nil {
			fmt.Fprintf(&v, "kept %d %+v\n", seq, k)
			continue
		}
		s.is(err, journal.ErrNotFound)
	}
	for i := range uint64(3) {
		seq, err := s.j.Scoped(scope(i))
		if err != nil {
			s.is(err, journal.ErrNotFound)
		}
		fmt.Fprintf(&v, "scope %d %d\n", i, seq)
	}
	return v.String()
}
