package journaltest

import (
	"slices"
	"testing"

	"tutti/journal"
)

// fresh fails unless exactly these backends are new, by index.
func (s *store) fresh(want ...int) {
	s.Helper()
	var got []int
	for i, b := range s.state.Backends {
		if b.New {
			got = append(got, i)
		}
	}
	if !slices.Equal(got, want) {
		s.Fatalf("new are %v, want %v", got, want)
	}
}

func testNewBackend(_ *testing.T, s *store) {
	s.open("a", "b")
	s.fresh(0, 1)
	s.open("a", "b")
	s.fresh(0, 1)
	s.append(base)
	s.open("a", "b", "c")
	s.fresh(2)
	s.open("a", "b", "c")
	s.fresh(2)
	s.update(journal.Update{Flags: []journal.Flags{{Backend: 2, Held: true}}})
	s.open("a", "b", "c")
	s.fresh()
	if !s.state.Backends[2].Held {
		s.Fatalf("not held")
	}
	for i, b := range s.state.Backends {
		if b.Done.Len() != 0 || b.Name != []string{"a", "b", "c"}[i] {
			s.Fatalf("backend %d is %+v", i, b)
		}
	}
}

func testGone(_ *testing.T, s *store) {
	s.open("a", "b", "c")
	s.append(base, base+1, base+2)
	parked := journal.Note{State: journal.NoteParked}
	s.update(journal.Update{
		Done:  slices.Concat(done(0, base, base+1, base+2), done(1, base+1)),
		Notes: []journal.Noted{noted(1, base, parked), noted(1, base+2, journal.Note{State: journal.NoteOwed}), noted(2, base, parked), noted(2, base+2, parked)},
	})
	for range 2 { // looking at it changes nothing
		s.open("a", "d")
		s.fresh(1)
		if want := []journal.Gone{{Name: "b", Owed: 2, Parked: 1}, {Name: "c", Owed: 3, Parked: 2}}; !slices.Equal(s.state.Gone, want) {
			s.Fatalf("gone are %v, want %v", s.state.Gone, want)
		}
		if len(s.state.Notes) != 0 {
			s.Fatalf("noted is %v of backends that are gone", s.state.Notes)
		}
	}
	// What is settled is not owed.
	s.update(journal.Update{Settled: []uint64{base, base + 2}})
	s.open("a", "d")
	if want := []journal.Gone{{Name: "c", Owed: 1, Parked: 0}}; !slices.Equal(s.state.Gone, want) {
		s.Fatalf("gone are %v, want %v", s.state.Gone, want)
	}
	s.open("a", "c", "d")
	s.fresh()
	if got := s.state.Backends[0].Done.Len(); got != 1 || len(s.state.Gone) != 0 {
		s.Fatalf("%d done, gone %v", got, s.state.Gone)
	}
}

func testGoneClean(_ *testing.T, s *store) {
	s.open("a", "b")
	s.append(base)
	s.update(journal.Update{Done: done(1, base), Flags: []journal.Flags{{Backend: 1, Drained: true}}})
	s.open("a")
	if len(s.state.Gone) != 0 {
		s.Fatalf("gone are %v, which is owed nothing", s.state.Gone)
	}
	s.open("a", "b")
	s.fresh() // nothing was written without it
	s.open("a")
	s.append(base + 1)
	s.open("a", "b")
	s.fresh(1)
	if b := s.state.Backends[1]; b.Done.Len() != 0 || b.Drained {
		s.Fatalf("something is left of it: %+v", b)
	}
}

func testBackendOrder(_ *testing.T, s *store) {
	s.open("a", "b", "c")
	s.append(base, base+1)
	note := journal.Note{State: journal.NoteOwed, Attempts: 4}
	s.update(journal.Update{
		Done:  done(2, base),
		Notes: []journal.Noted{noted(1, base+1, note)},
		Flags: []journal.Flags{{Backend: 0, Held: true}},
	})
	s.open("c", "b", "a")
	s.fresh()
	if !s.state.Backends[2].Held || s.state.Backends[0].Held {
		s.Fatalf("another one is held: %+v", s.state.Backends)
	}
	if got := members(&s.state.Backends[0].Done); !slices.Equal(got, []uint64{base}) {
		s.Fatalf("c has %v", got)
	}
	s.update(journal.Update{Done: done(0, base, base+1)})
	s.open("b", "c")
	if got := members(&s.state.Backends[1].Done); !slices.Equal(got, []uint64{base, base + 1}) {
		s.Fatalf("c has %v", got)
	}
	if want := []journal.Noted{noted(0, base+1, note)}; !slices.Equal(s.state.Notes, want) {
		s.Fatalf("noted is %v, want %v", s.state.Notes, want)
	}
}

func testForget(_ *testing.T, s *store) {
	s.open("a", "b")
	s.append(base)
	s.update(journal.Update{Done: done(0, base), Notes: []journal.Noted{noted(1, base, journal.Note{State: journal.NoteParked})}})
	s.close()
	if j, err := s.Open([]string{"a", "b"}, []string{"b"}); err == nil {
		_ = j.Close()
		s.Fatalf("a backend that is there was forgotten")
	}
	s.openForgetting([]string{"b", "never seen"}, "a")
	if len(s.state.Gone) != 0 {
		s.Fatalf("gone are %v", s.state.Gone)
	}
	s.holds(base)
	s.open("a")
	if len(s.state.Gone) != 0 {
		s.Fatalf("gone are %v after a restart without a word of it", s.state.Gone)
	}
	s.open("a", "b")
	s.fresh(1)
	if len(s.state.Notes) != 0 || s.state.Backends[1].Done.Len() != 0 {
		s.Fatalf("something is left of it: %+v", s.state)
	}
}
