package front

import (
	"slices"
	"testing"
)

// startStill is start of a server whose time passes with fixture.pass alone, so that what is cut
// and what is not does not depend on how fast the machine is.
func startStill(t testing.TB, f func(x *Exchange), change ...func(o *Options)) *fixture {
	t.Helper()
	return startWith(t, f, func(s *Server) { s.sweeper.started = true }, change...)
}

// pass lets ticks pass, the sweeper looking at each.
func (f *fixture) pass(ticks uint64) {
	for range ticks {
		f.sweeper.sweep(f.tick.Add(1))
	}
}

// noted waits until each connection has entered p, reading or writing, at the present tick: what was
// sent before has been heeded.
func (f *fixture) noted(t testing.TB, p phase) {
	t.Helper()
	now := at(p, f.now())
	eventually(t, "the server has noted it", func() bool {
		all := f.conns()
		for _, c := range all {
			if c.phase.load() != now && c.rx.load() != now && c.tx.load() != now {
				return false
			}
		}
		return len(all) > 0
	})
}

// wantIn fails the test unless there are connections, all in one of these phases and not cut.
func (f *fixture) wantIn(t testing.TB, phases ...phase) {
	t.Helper()
	all := f.conns()
	for _, c := range all {
		if m := c.phase.load(); m.late() || !slices.Contains(phases, m.phase()) {
			t.Errorf("a connection was cut in the phase %d", m.phase())
		}
	}
	if len(all) == 0 {
		t.Error("all were cut")
	}
}
