package journaltest

import (
	"bytes"
	"testing"

	"tutti/journal"
)

func (s *store) kept(want journal.Kept) {
	s.Helper()
	k, err := s.j.Kept(want.Seq)
	s.must(err)
	if k.Seq != want.Seq || k.Scope != want.Scope || k.Expires != want.Expires || !bytes.Equal(k.Data, want.Data) {
		s.Fatalf("kept is %+v, want %+v", k, want)
	}
}

func (s *store) notKept(seqs ...uint64) {
	s.Helper()
	for _, seq := range seqs {
		_, err := s.j.Kept(seq)
		s.is(err, journal.ErrNotFound)
	}
}

func testKept(_ *testing.T, s *store) {
	s.open()
	s.append(base, base+1, base+2)
	early := journal.Kept{Seq: base, Data: []byte("early")}
	s.update(journal.Update{Kept: []journal.Kept{early}})
	s.kept(early)
	late := journal.Kept{Seq: base, Scope: scope(1), Expires: 77, Data: []byte("late")}
	other := journal.Kept{Seq: base + 1, Expires: 78}
	s.update(journal.Update{Kept: []journal.Kept{late, other}, Settled: []uint64{base, base + 1}})
	s.kept(late)
	s.notKept(base + 2)
	s.open()
	s.kept(late)
	s.kept(other)
	s.notKept(base + 2)
	s.update(journal.Update{Forget: []uint64{base, base + 2}})
	s.notKept(base)
	s.kept(other)
	s.open()
	s.notKept(base)
	s.kept(other)
}

func testExpire(_ *testing.T, s *store) {
	s.open()
	if due, err := s.j.Expire(1 << 62); err != nil || due != 0 {
		s.Fatalf("due at %d of nothing, %v", due, err)
	}
	const n = 2000
	u := journal.Update{Kept: []journal.Kept{{Seq: base + n}, {Seq: base + n + 1, Expires: 5000}}}
	for i := range uint64(n) {
		u.Kept = append(u.Kept, journal.Kept{Seq: base + i, Expires: int64(1000 + i)})
	}
	s.update(u)
	s.update(journal.Update{Kept: []journal.Kept{{Seq: base + n + 1, Expires: 6000}}})
	s.expire(999, 1000)
	s.kept(journal.Kept{Seq: base, Expires: 1000})
	s.expire(1000, 1001)
	s.notKept(base)
	s.open()
	s.notKept(base)
	s.kept(journal.Kept{Seq: base + 1, Expires: 1001})
	s.expire(2998, 2999)
	s.notKept(base+1, base+500, base+n-2)
	s.kept(journal.Kept{Seq: base + n - 1, Expires: 2999})
	s.expire(5999, 6000)
	s.kept(journal.Kept{Seq: base + n + 1, Expires: 6000})
	s.expire(1<<62, 0)
	s.kept(journal.Kept{Seq: base + n})
}

// expire forgets what is due until nothing is, and fails unless the next is due at want.
func (s *store) expire(now, want int64) {
	s.Helper()
	for {
		due, err := s.j.Expire(now)
		s.must(err)
		if due != 0 && due <= now {
			continue
		}
		if due != want {
			s.Fatalf("due at %d, want %d", due, want)
		}
		return
	}
}

func (s *store) scoped(sc journal.Scope, want uint64) {
	s.Helper()
	seq, err := s.j.Scoped(sc)
	if want == 0 {
		s.is(err, journal.ErrNotFound)
		return
	}
	s.must(err)
	if seq != want {
		s.Fatalf("found %d, want %d", seq, want)
	}
}

func testScoped(_ *testing.T, s *store) {
	scoped := func(seq uint64, sc byte) *journal.Entry {
		e := entry(seq)
		e.Scope = journal.Scope{sc}
		return e
	}
	one, two, three := journal.Scope{1}, journal.Scope{2}, journal.Scope{3}
	s.open()
	s.scoped(one, 0)
	s.must(s.j.Append(scoped(base, 1)))
	s.must(s.j.Append(scoped(base+1, 2)))
	s.must(s.j.Append(scoped(base+2, 2)))
	s.scoped(one, base)
	s.scoped(two, base+2)
	s.open()
	s.scoped(one, base)
	s.scoped(two, base+2)
	// Settled without a record, and with one.
	s.update(journal.Update{
		Settled: []uint64{base, base + 2},
		Kept:    []journal.Kept{{Seq: base + 2, Scope: two, Expires: 7}, {Seq: base + 9, Scope: three, Expires: 9}},
	})
	s.scoped(one, 0)
	s.scoped(two, base+2)
	s.scoped(three, base+9)
	s.open()
	s.scoped(one, 0)
	s.scoped(two, base+2)
	s.scoped(three, base+9)
	s.expire(7, 9)
	s.scoped(two, 0)
	s.update(journal.Update{Forget: []uint64{base + 9}})
	s.scoped(three, 0)
	// A record does not outdo a later write.
	s.must(s.j.Append(scoped(base+20, 3)))
	s.update(journal.Update{Kept: []journal.Kept{{Seq: base + 10, Scope: three}}})
	s.scoped(three, base+20)
	s.update(journal.Update{Forget: []uint64{base + 10}})
	s.scoped(three, base+20)
}
