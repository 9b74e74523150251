//go:build linux && (amd64 || arm64) && !tutti_plain

package backend

import "testing"

// Otherwise the look at all of them would be one more.
func TestWhatWasFoundQuietIsNotLookedAtAgain(t *testing.T) {
	a, b := newPlainFake(t, ok), newPlainFake(t, ok)
	cs := idleOf(t, 1, newBackend(t, a.name(), nil), newBackend(t, b.name(), nil))
	var looks Looks
	for _, c := range cs {
		if c.looked {
			t.Error("a kept connection is not to be looked at")
		}
		looks.Add(c)
	}
	looks.Look()
	for _, c := range cs {
		if !c.looked {
			t.Error("it is to be looked at again")
		}
		c.Release()
	}
}

func TestLookingAllocatesNothing(t *testing.T) {
	a, b := newPlainFake(t, ok), newPlainFake(t, ok)
	cs := idleOf(t, 1, newBackend(t, a.name(), nil), newBackend(t, b.name(), nil))
	defer cs[0].Close()
	defer cs[1].Close()
	if n := testing.AllocsPerRun(100, func() {
		var looks Looks
		for _, c := range cs {
			c.looked = false
			looks.Add(c)
		}
		looks.Look()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
