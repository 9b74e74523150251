package backend

import (
	"fmt"
	"testing"
)

// idleOf makes n connections of each of bs idle and claims them, in turn.
func idleOf(t *testing.T, n int, bs ...*Backend) []*Conn {
	t.Helper()
	for _, b := range bs {
		idleConns(t, b, n)
	}
	var cs []*Conn
	for range n {
		for _, b := range bs {
			c := b.Idle(ForRead)
			if c == nil {
				t.Fatal("no idle connection")
			}
			cs = append(cs, c)
		}
	}
	return cs
}

func TestOfSeveralThoseThatAreNotQuietAreFound(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 7} { // of each: up to three looks
		t.Run(fmt.Sprint(3*n), func(t *testing.T) {
			quiet, closing, talking := newFake(t, ok), newFake(t, ok), newFake(t, ok)
			bs := []*Backend{
				newBackend(t, quiet.name(), nil), newBackend(t, closing.name(), nil), newBackend(t, talking.name(), nil),
			}
			cs := idleOf(t, n, bs...)
			closing.closeAll()
			talking.say("H")
			until(t, "the close", func() bool { return closing.conns() == 0 })
			var looks Looks
			for _, c := range cs {
				looks.Add(c)
			}
			looks.Look()
			for i, c := range cs {
				var want error
				if c.Backend() != bs[0] {
					want = ErrStaleUnsent
				}
				if err := c.Send([]byte(get)); err != want {
					t.Errorf("%d: got %v, want %v", i, err, want)
				}
				c.Close()
			}
			if n := closing.requests.Load() + talking.requests.Load(); n != int64(2*len(cs)/3) {
				t.Errorf("%d requests reached those two, the first ones were %d", n, 2*len(cs)/3)
			}
		})
	}
}
