package journaltest

import (
	"slices"
	"strings"
	"testing"

	"tutti/journal"
)

func noted(backend int, seq uint64, note journal.Note) journal.Noted {
	return journal.Noted{Backend: backend, Seq: seq, Note: note}
}

func testNotes(_ *testing.T, s *store) {
	s.open()
	s.append(base, base+1)
	first := journal.Note{State: journal.NoteOwed, Attempts: 1, Status: 503, Word: "connection_refused"}
	second := journal.Note{
		State: journal.NoteRejected, Attempts: 1 << 31, Status: 999, Word: strings.Repeat("w", 255),
		Reached: true, Passed: true, Keyed: true, Order: sixteen(1, 9),
	}
	s.update(journal.Update{Notes: []journal.Noted{noted(1, base, first), noted(0, base+1, first), noted(0, base, second)}})
	s.update(journal.Update{Notes: []journal.Noted{noted(1, base, second), noted(0, base+1, journal.Note{})}})
	check := func() {
		s.Helper()
		for _, want := range []journal.Noted{
			noted(1, base, second), noted(0, base, second), noted(0, base+1, journal.Note{}), noted(2, base, journal.Note{}),
		} {
			got, err := s.j.Note(want.Backend, want.Seq)
			s.must(err)
			if got != want.Note {
				s.Fatalf("noted of %d at %d is %+v, want %+v", want.Seq, want.Backend, got, want.Note)
			}
		}
	}
	check()
	s.open()
	check()
	if want := []journal.Noted{noted(0, base, second), noted(1, base, second)}; !slices.Equal(s.state.Notes, want) {
		s.Fatalf("noted is %+v, want %+v", s.state.Notes, want)
	}
}

func testAtomic(_ *testing.T, s *store) {
	const n = 200
	s.open()
	s.append(base)
	stop := make(chan struct{})
	finished := make(chan struct{})
	defer func() { <-finished }()
	go func() {
		defer close(finished)
		defer close(stop)
		for i := range uint32(n) {
			note := journal.Note{State: journal.NoteOwed, Attempts: i + 1}
			u := journal.Update{Notes: []journal.Noted{noted(0, base, note), noted(1, base, note)}}
			if err := s.j.Update(&u); err != nil {
				s.Errorf("update: %v", err)
				return
			}
		}
	}()
	for reading := true; reading; {
		select {
		case <-stop:
			reading = false
		default:
		}
		// Written together: what is read first is never newer.
		first, err := s.j.Note(1, base)
		s.must(err)
		second, err := s.j.Note(0, base)
		s.must(err)
		if second.Attempts < first.Attempts {
			s.Fatalf("half an update was seen: %d and %d", first.Attempts, second.Attempts)
		}
	}
}

func testFlags(_ *testing.T, s *store) {
	s.open()
	s.update(journal.Update{Flags: []journal.Flags{{Backend: 0, Drained: true}, {Backend: 1, Held: true}, {Backend: 2, Held: true, Drained: true}}})
	s.update(journal.Update{Flags: []journal.Flags{{Backend: 2, Held: true}}})
	s.open()
	for i, want := range [][2]bool{{true, false}, {false, true}, {false, true}} {
		if b := s.state.Backends[i]; b.Drained != want[0] || b.Held != want[1] {
			s.Fatalf("%s: drained %v, held %v", b.Name, b.Drained, b.Held)
		}
	}
}
