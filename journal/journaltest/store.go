package journaltest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tutti/journal"
)

// base is where sequences begin: the clock's microseconds.
const base = 1_700_000_000_000_000

// names are the backends of most tests.
var names = []string{"http://a:1", "http://b:2", "http://c:3"}

// store is an engine under test and the journal that is open, if one is.
type store struct {
	rapid.TB // of the test or of one of its many runs
	Engine
	t     *testing.T
	j     journal.Journal
	state *journal.State
}

// open opens the journal anew, closing it first.
func (s *store) open(backends ...string) {
	s.Helper()
	s.openForgetting(nil, backends...)
}

func (s *store) openForgetting(forget []string, backends ...string) {
	s.Helper()
	s.close()
	if len(backends) == 0 {
		backends = names
	}
	j, err := s.Open(backends, forget)
	if err != nil {
		s.Fatalf("cannot open: %v", err)
	}
	s.j = j
	s.t.Cleanup(func() { _ = j.Close() })
	if s.state, err = j.State(); err != nil {
		s.Fatalf("no state: %v", err)
	}
}

func (s *store) close() {
	s.Helper()
	if s.j == nil {
		return
	}
	if err := s.j.Close(); err != nil {
		s.Fatalf("cannot close: %v", err)
	}
	s.j = nil
}

// must is for what may not fail.
func (s *store) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("%v", err)
	}
}

// is fails unless err is want.
func (s *store) is(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("%v, want %v", err, want)
	}
}

func (s *store) append(seqs ...uint64) {
	s.Helper()
	for _, seq := range seqs {
		s.must(s.j.Append(entry(seq)))
	}
}

func (s *store) update(u journal.Update) {
	s.Helper()
	s.must(s.j.Update(&u))
}

// holds fails unless exactly the entries of seqs are there, now and in State's Live of the open.
func (s *store) holds(seqs ...uint64) {
	s.Helper()
	if got := members(&s.state.Live); !slices.Equal(got, seqs) {
		s.Fatalf("live are %v, want %v", got, seqs)
	}
	var e journal.Entry
	for _, seq := range seqs {
		s.must(s.j.Read(seq, &e))
		if diff := differ(&e, entry(seq)); diff != "" {
			s.Fatalf("entry %d: %s", seq, diff)
		}
	}
}

// gone fails if one of seqs is there.
func (s *store) gone(seqs ...uint64) {
	s.Helper()
	var e journal.Entry
	for _, seq := range seqs {
		s.is(s.j.Read(seq, &e), journal.ErrNotFound)
	}
}

func members(set *journal.Set) (seqs []uint64) {
	for seq, ok := set.Next(0); ok; seq, ok = set.Next(seq + 1) {
		seqs = append(seqs, seq)
	}
	return seqs
}

// entry is the entry of a sequence: another one for each.
func entry(seq uint64) *journal.Entry {
	e := &journal.Entry{
		Seq:         seq,
		ID:          sixteen(seq, 1),
		Accepted:    int64(seq) * 1000,
		Keyed:       seq%2 == 0,
		Order:       sixteen(seq, 2),
		Fingerprint: sixteen(seq, 3),
		Head:        seq%3 == 0,
		Disclosed:   seq%5 == 0,
		Method:      []byte("POST"),
		Target:      fmt.Appendf(nil, "/write?n=%d", seq),
		Request:     fmt.Appendf(nil, "POST /write?n=%d HTTP/1.1\r\n\r\n%*d", seq, seq%1000, seq),
	}
	if seq%7 == 0 {
		e.Scope = scope(seq)
	}
	if seq%11 == 0 {
		e.Method, e.Target, e.Request = nil, nil, nil
	}
	return e
}

// scope is what the client's key of a sequence stands for: few, so that they meet.
func scope(seq uint64) journal.Scope { return journal.Scope(sixteen(seq%3, 4)) }

func sixteen(seq, kind uint64) (b [16]byte) {
	for i := range b {
		b[i] = byte((seq+1)*(kind+uint64(i))*0x9e3779b97f4a7c15>>56) | 1
	}
	return b
}

// differ says how two entries differ.
func differ(a, b *journal.Entry) string {
	x, y := *a, *b
	x.Method, x.Target, x.Request, y.Method, y.Target, y.Request = nil, nil, nil, nil, nil, nil
	if reflect.DeepEqual(x, y) && bytes.Equal(a.Method, b.Method) &&
		bytes.Equal(a.Target, b.Target) && bytes.Equal(a.Request, b.Request) {
		return ""
	}
	return fmt.Sprintf("%+v, want %+v", a, b)
}

// bits are a block's bits with those of seqs set.
func bits(seqs ...uint64) (b journal.Bits) {
	for _, seq := range seqs {
		b[seq%journal.BlockSize/64] |= 1 << (seq % 64)
	}
	return b
}

// done says that a backend has seqs, which are in one block.
func done(backend int, seqs ...uint64) []journal.DoneBlock {
	return []journal.DoneBlock{{Backend: backend, Block: journal.Block(seqs[0]), Bits: bits(seqs...)}}
}
