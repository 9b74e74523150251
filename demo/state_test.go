package demo

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// op is one write.
type op struct {
	key  string
	kind kind
	name string
	pass string
}

func play(ops ...op) State {
	s := newState()
	for _, o := range ops {
		s.apply([]byte(o.key), 0, o.kind, []byte(o.name), []byte(o.pass))
	}
	return s.view("x")
}

func TestDigestsAreEqualWhereHistoriesAre(t *testing.T) {
	a1, a2 := op{"1", register, "a", "p"}, op{"2", changePassword, "a", "q"}
	b1, b2 := op{"3", register, "b", "p"}, op{"4", changePassword, "b", "q"}
	for _, tc := range []struct {
		name        string
		left, right []op
		equal       bool
	}{
		{"nothing", nil, nil, true},
		{"users in another order", []op{a1, b1}, []op{b1, a1}, true},
		{"users interleaved otherwise", []op{a1, a2, b1, b2}, []op{b1, a1, b2, a2}, true},
		{"a repeat", []op{a1, a2}, []op{a1, a1, a2, a1}, true},
		{"a repeat under another key is a write", []op{a1}, []op{a1, {"9", register, "a", "p"}}, false},
		{"one user's writes in another order", []op{a1, a2}, []op{a2, a1}, false},
		{"one write less", []op{a1, a2}, []op{a1}, false},
		{"one user less", []op{a1, b1}, []op{a1}, false},
		{"another password", []op{a1}, []op{{"1", register, "a", "other"}}, false},
		{"another kind", []op{a1}, []op{{"1", changePassword, "a", "p"}}, false},
		{"another name", []op{a1}, []op{{"1", register, "b", "p"}}, false},
		{"names run together", []op{{"1", register, "ab", ""}, {"2", register, "c", ""}}, []op{{"1", register, "a", ""}, {"2", register, "bc", ""}}, false},
		{"name and password run together", []op{{"1", register, "ab", "c"}}, []op{{"1", register, "a", "bc"}}, false},
	} {
		left, right := play(tc.left...), play(tc.right...)
		if (left.Digest == right.Digest) != tc.equal {
			t.Errorf("%s: digests %s and %s, want equal %v", tc.name, left.Digest, right.Digest, tc.equal)
		}
	}
}

func TestTheDigestKnowsNoServer(t *testing.T) {
	s := newState()
	s.apply(nil, 0, register, []byte("a"), []byte("p"))
	if s.view("server1").Digest != s.view("server2").Digest {
		t.Error("the server's name is in the digest")
	}
}

func TestAnyShuffleThatKeepsEachUsersOrderHasTheSameDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ops []op
		n := rapid.IntRange(0, 30).Draw(t, "writes")
		for i := range n {
			ops = append(ops, op{
				key: strconv.Itoa(i), kind: rapid.SampledFrom([]kind{register, changePassword}).Draw(t, "kind"),
				name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"), pass: rapid.StringN(0, 3, -1).Draw(t, "pass"),
			})
		}
		queues := map[string][]op{}
		for _, o := range ops {
			queues[o.name] = append(queues[o.name], o)
		}
		var shuffled []op
		for len(shuffled) < n {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "next")
			if q := queues[name]; len(q) > 0 {
				shuffled, queues[name] = append(shuffled, q[0]), q[1:]
			}
		}
		if play(ops...) != play(shuffled...) {
			t.Fatalf("%v and %v differ", ops, shuffled)
		}
	})
}

func TestARepeatIsAnsweredAsTheFirstTime(t *testing.T) {
	s := newState()
	key, name := []byte("k"), []byte("a")
	for range 3 {
		if k, ok := s.apply(key, 0, register, name, nil); !ok || k != register {
			t.Fatalf("answered %v %v", k, ok)
		}
	}
	if k, _ := s.apply(key, 0, changePassword, []byte("other"), nil); k != register {
		t.Error("the key's first write was a registration")
	}
	if v := s.view(""); v.Writes != 1 || v.Users != 1 {
		t.Errorf("the state is %+v", v)
	}
}

func TestTheDigestFollowsWritesAfterItWasAskedFor(t *testing.T) {
	s := newState()
	seen := map[string]bool{}
	for i := range 5 {
		d := s.view("").Digest
		if seen[d] {
			t.Fatalf("after %d writes the digest is an old one", i)
		}
		seen[d] = true
		if again := s.view("").Digest; again != d {
			t.Fatalf("asked twice: %s and %s", d, again)
		}
		s.apply(nil, 0, register, fmt.Append(nil, i), nil)
	}
}

func TestMemoryIsBoundedAndKeepsTheLatest(t *testing.T) {
	const most = 4
	m := newMemory(most)
	key := func(i int) keyHash { return hashOf(fmt.Append(nil, i)) }
	for i := range 30 {
		m.add(key(i), register)
		for k := range i + 1 {
			age := i - k
			if _, ok := m.find(key(k)); ok && age >= 2*most || !ok && age < most {
				t.Fatalf("after %d keys, key %d is remembered: %v", i+1, k, ok)
			}
		}
	}
}

func TestManyKeysTakeNoMoreMemory(t *testing.T) {
	m := newMemory(generation)
	key := func(i int) (h keyHash) {
		binary.LittleEndian.PutUint64(h[:], uint64(i)*0x9e3779b97f4a7c15)
		return h
	}
	var before, after runtime.MemStats
	m.add(key(0), register)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 5 * generation {
		m.add(key(i+1), register)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("it grew by %d bytes", grown)
	}
	runtime.KeepAlive(m)
}

func BenchmarkDigestOf100000Users(b *testing.B) {
	s := newState()
	for i := range 100_000 {
		s.apply(nil, 0, register, fmt.Appendf(nil, "user%d", i), []byte("x"))
	}
	b.ReportAllocs()
	for b.Loop() {
		s.apply(nil, 0, register, []byte("user1"), []byte("x"))
		s.view("server1")
	}
}

func BenchmarkApply(b *testing.B) {
	s := newState()
	key, name, pass := []byte(`"0123456789abcdef0123456789abcdef"`), []byte("schef"), []byte("example")
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		key = strconv.AppendInt(key[:0], int64(i), 10)
		s.apply(key, 0, register, name, pass)
	}
}

// A write that comes after a later one of its user was applied is done with, where writes come in order.
func TestAnOrderedStateDoesNotApplyWhatIsOlderThanTheLast(t *testing.T) {
	f := func(ordered bool, sequences []uint64, applied uint64) {
		t.Helper()
		s := newState()
		s.ordered = ordered
		for i, sequence := range sequences {
			if _, ok := s.apply(fmt.Append(nil, "key", i), sequence, register, []byte("a"), nil); !ok {
				t.Fatal("refused")
			}
		}
		if got := s.view("x").Writes; got != applied {
			t.Errorf("%v, ordered %v: %d applied, want %d", sequences, ordered, got, applied)
		}
	}
	f(true, []uint64{1, 2, 5}, 3)
	f(true, []uint64{2, 1, 5, 4}, 2)
	f(true, []uint64{5, 0, 6}, 3) // no sequence: in no order
	f(true, []uint64{5, 5}, 2)    // other keys: not older
	f(false, []uint64{2, 1, 5, 4}, 4)
}
