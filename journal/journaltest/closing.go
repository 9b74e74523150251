package journaltest

import (
	"testing"

	"tutti/journal"
)

func testCrash(_ *testing.T, s *store) {
	if s.Crash == nil {
		return
	}
	s.open()
	for i := range uint64(20) {
		s.append(base + i)
		if i > 0 {
			s.update(journal.Update{Settled: []uint64{base + (i-1)/2}})
		}
		if i%3 == 0 {
			s.update(journal.Update{Notes: []journal.Noted{noted(0, base+i, journal.Note{State: journal.NoteOwed})}, Sync: true})
		}
		s.Crash()
		s.j = nil
		s.open()
		if !s.state.Live.Has(base + i) {
			s.Fatalf("%d is gone", base+i)
		}
		if _, err := s.j.Note(0, base+i); err != nil {
			s.Fatalf("%d: %v", base+i, err)
		}
		if i%3 == 0 && (len(s.state.Notes) == 0 || s.state.Notes[len(s.state.Notes)-1].Seq != base+i) {
			s.Fatalf("noted is %v", s.state.Notes)
		}
	}
}

func testClosed(_ *testing.T, s *store) {
	s.open()
	s.append(base)
	j := s.j
	s.close()
	_ = j.Size()
	s.is(j.Append(entry(base+1)), journal.ErrClosed)
	s.is(j.Update(&journal.Update{Settled: []uint64{base}}), journal.ErrClosed)
	s.is(j.Read(base, new(journal.Entry)), journal.ErrClosed)
	_, err := j.Note(0, base)
	s.is(err, journal.ErrClosed)
	_, err = j.Kept(base)
	s.is(err, journal.ErrClosed)
	_, err = j.Scoped(journal.Scope{1})
	s.is(err, journal.ErrClosed)
	_, err = j.Expire(1)
	s.is(err, journal.ErrClosed)
	s.must(j.Close())
	s.open()
	s.holds(base)
	s.is(j.Append(entry(base+1)), journal.ErrClosed)
}

func testTwice(_ *testing.T, s *store) {
	s.open()
	if j, err := s.Open(names, nil); err == nil {
		_ = j.Close()
		s.Fatalf("opened twice")
	}
	s.append(base)
}
