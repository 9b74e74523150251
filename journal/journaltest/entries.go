package journaltest

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"tutti/journal"
)

func testNew(_ *testing.T, s *store) {
	s.open()
	st := s.state
	if st.History || st.Last != 0 || len(st.Notes) != 0 || len(st.Gone) != 0 || st.Live.Len() != 0 {
		s.Fatalf("not empty: %+v", st)
	}
	if st.Secret == [16]byte{} {
		s.Fatalf("no secret")
	}
	secret := st.Secret
	s.open()
	if s.state.Secret != secret {
		s.Fatalf("the secret is another one after a restart")
	}
	if s.state.History {
		s.Fatalf("a journal that took nothing has a history")
	}
}

func testAppend(_ *testing.T, s *store) {
	s.open()
	s.append(base, base+1, base+7, base+11)
	s.append(base + 2)
	var e journal.Entry
	for _, seq := range []uint64{base, base + 1, base + 2, base + 7, base + 11} {
		s.must(s.j.Read(seq, &e))
		if diff := differ(&e, entry(seq)); diff != "" {
			s.Fatalf("entry %d: %s", seq, diff)
		}
	}
	s.gone(base-1, base+3, 0, 1<<64-1)
	s.open()
	s.holds(base, base+1, base+2, base+7, base+11)
	s.gone(base-1, base+3, 0, 1<<64-1)
	if !s.state.History || s.state.Last < base+11 {
		s.Fatalf("history %v, last %d", s.state.History, s.state.Last)
	}
	if s.j.Size() <= 0 {
		s.Fatalf("its size is %d", s.j.Size())
	}
}

func testSequences(_ *testing.T, s *store) {
	seqs := []uint64{
		base + 3*journal.BlockSize, base, base - 1, 5, base + 1<<40, base + journal.BlockSize - base%journal.BlockSize,
		base + journal.BlockSize - base%journal.BlockSize - 1, 1, 1<<63 + 1, base + 1,
	}
	s.open()
	s.append(seqs...)
	slices.Sort(seqs)
	s.open()
	s.holds(seqs...)
	if s.state.Last < 1<<63+1 {
		s.Fatalf("last is %d", s.state.Last)
	}
	s.update(journal.Update{Settled: []uint64{1<<63 + 1}})
	s.open()
	s.holds(seqs[:len(seqs)-1]...)
	if s.state.Last < 1<<63+1 {
		s.Fatalf("last is %d after the highest was settled", s.state.Last)
	}
}

func testConcurrent(_ *testing.T, s *store) {
	const clients, each = 16, 50
	s.open()
	var running sync.WaitGroup
	for c := range uint64(clients) {
		running.Go(func() {
			for i := range uint64(each) {
				seq := base + i*clients + c
				if err := s.j.Append(entry(seq)); err != nil {
					s.Errorf("append: %v", err)
					return
				}
				var e journal.Entry
				if err := s.j.Read(seq, &e); err != nil || e.Seq != seq {
					s.Errorf("not there once Append has returned: %v", err)
				}
				if i%2 == 0 {
					continue
				}
				if err := s.j.Update(&journal.Update{Settled: []uint64{seq}}); err != nil {
					s.Errorf("update: %v", err)
				}
			}
		})
	}
	running.Wait()
	s.open()
	if got := s.state.Live.Len(); got != clients*each/2 {
		s.Fatalf("%d of %d are there", got, clients*each/2)
	}
	var e journal.Entry
	for seq, ok := s.state.Live.Next(0); ok; seq, ok = s.state.Live.Next(seq + 1) {
		s.must(s.j.Read(seq, &e))
		if diff := differ(&e, entry(seq)); diff != "" {
			s.Fatalf("entry %d: %s", seq, diff)
		}
	}
}

func testMemory(_ *testing.T, s *store) {
	s.open()
	e := entry(base)
	s.must(s.j.Append(e))
	scribble := func(e *journal.Entry) {
		for _, b := range [][]byte{e.Method, e.Target, e.Request} {
			for i := range b {
				b[i] = 'x'
			}
		}
	}
	scribble(e)
	var read journal.Entry
	for range 2 {
		s.must(s.j.Read(base, &read))
		if diff := differ(&read, entry(base)); diff != "" {
			s.Fatalf("somebody else's memory is in it: %s", diff)
		}
		scribble(&read)
	}
	data := []byte("the answer")
	s.update(journal.Update{Kept: []journal.Kept{{Seq: base, Data: data}}})
	clear(data)
	for range 2 {
		k, err := s.j.Kept(base)
		s.must(err)
		if !bytes.Equal(k.Data, []byte("the answer")) {
			s.Fatalf("somebody else's memory is in it: %q", k.Data)
		}
		clear(k.Data)
	}
}

func testDone(_ *testing.T, s *store) {
	const next = base + journal.BlockSize
	s.open()
	s.append(base, base+1, base+2, next)
	s.update(journal.Update{Done: slices.Concat(done(0, base), done(1, base, base+1, base+2, base+3), done(1, next))})
	s.update(journal.Update{Done: done(0, base+1, base+2)})
	s.open()
	s.holds(base, base+1, base+2, next)
	for i, want := range [][]uint64{{base + 1, base + 2}, {base, base + 1, base + 2, next}, nil} {
		if got := members(&s.state.Backends[i].Done); !slices.Equal(got, want) {
			s.Fatalf("backend %d has %v, want %v", i, got, want)
		}
	}
}

func testSettled(_ *testing.T, s *store) {
	s.open()
	s.append(base, base+1, base+2)
	note := journal.Note{State: journal.NoteParked, Attempts: 3}
	s.update(journal.Update{Notes: []journal.Noted{noted(0, base, note), noted(2, base, note), noted(0, base+1, note)}})
	s.update(journal.Update{Settled: []uint64{base, base + 2, base + 77}})
	s.gone(base, base+2)
	_, err := s.j.Note(0, base)
	s.is(err, journal.ErrNotFound)
	s.open()
	s.holds(base + 1)
	s.gone(base, base+2)
	if want := []journal.Noted{noted(0, base+1, note)}; !slices.Equal(s.state.Notes, want) {
		s.Fatalf("noted is %v, want %v", s.state.Notes, want)
	}
}

func testSettlingOrder(_ *testing.T, s *store) {
	const n = 3 * journal.BlockSize
	s.open()
	var running sync.WaitGroup
	for c := range uint64(32) {
		running.Go(func() {
			for i := c; i < n; i += 32 {
				if err := s.j.Append(entry(base + i)); err != nil {
					s.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	running.Wait()
	var u journal.Update
	var left []uint64
	for i := range uint64(n) {
		seq := base + (i*7919)%n // in no order
		if seq%1000 == 0 {
			left = append(left, seq)
			continue
		}
		u.Settled = append(u.Settled, seq)
		if len(u.Settled) == 500 || i == n-1 {
			s.update(u)
			u.Settled = u.Settled[:0]
		}
	}
	s.update(u)
	slices.Sort(left)
	s.gone(base+1, base+999, base+n-1)
	s.open()
	s.holds(left...)
	s.gone(base+1, base+999, base+n-1)
}
