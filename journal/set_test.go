package journal

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sequence draws sequences that are close together and at the edges of blocks.
func sequence() *rapid.Generator[uint64] {
	return rapid.OneOf(
		rapid.Uint64Range(0, 200),
		rapid.Uint64Range(BlockSize-3, BlockSize+3),
		rapid.Uint64Range(1e15, 1e15+3*BlockSize),
		rapid.Uint64(),
	)
}

func checkSet(t *rapid.T, s *Set, model map[uint64]bool) {
	want := slices.Sorted(maps.Keys(model))
	if s.Len() != len(want) {
		t.Fatalf("%d of %d", s.Len(), len(want))
	}
	var got []uint64
	for seq, ok := s.Next(0); ok; seq, ok = s.Next(seq + 1) {
		got = append(got, seq)
		if seq == 1<<64-1 {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	last, ok := s.Last()
	if ok != (len(want) > 0) || ok && last != want[len(want)-1] {
		t.Fatalf("last %v %v of %v", last, ok, want)
	}
	if !slices.IsSorted(s.Blocks()) {
		t.Fatalf("blocks %v", s.Blocks())
	}
}

func TestASetIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Set
		model := map[uint64]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				seq := sequence().Draw(t, "seq")
				if s.Add(seq) == model[seq] {
					t.Fatalf("add %d", seq)
				}
				model[seq] = true
			},
			"remove": func(t *rapid.T) {
				seq := sequence().Draw(t, "seq")
				if s.Remove(seq) != model[seq] {
					t.Fatalf("remove %d", seq)
				}
				delete(model, seq)
			},
			"next": func(t *rapid.T) {
				from := sequence().Draw(t, "from")
				want, found := uint64(0), false
				for _, seq := range slices.Sorted(maps.Keys(model)) {
					if seq >= from {
						want, found = seq, true
						break
					}
				}
				if got, ok := s.Next(from); ok != found || got != want {
					t.Fatalf("next of %d is %d %v, want %d %v", from, got, ok, want, found)
				}
			},
			"bits": func(t *rapid.T) {
				from, to := Block(sequence().Draw(t, "from")), Block(sequence().Draw(t, "to"))
				b := s.Bits(from)
				s.SetBits(to, &b)
				if from == to {
					return
				}
				maps.DeleteFunc(model, func(seq uint64, _ bool) bool { return Block(seq) == to })
				for _, seq := range slices.Collect(maps.Keys(model)) {
					if Block(seq) == from {
						model[to*BlockSize+seq%BlockSize] = true
					}
				}
			},
			"": func(t *rapid.T) { checkSet(t, &s, model) },
		})
	})
}

func TestASetIntersects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a, b Set
		model := map[uint64]bool{}
		as, bs := rapid.SliceOf(sequence()).Draw(t, "a"), rapid.SliceOf(sequence()).Draw(t, "b")
		for _, seq := range bs {
			b.Add(seq)
		}
		for _, seq := range as {
			a.Add(seq)
			if b.Has(seq) {
				model[seq] = true
			}
		}
		a.Intersect(&b)
		checkSet(t, &a, model)
	})
}
