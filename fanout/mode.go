package fanout

import (
	"fmt"

	"tutti/backend"
	"tutti/journal"
)

// Remember has the journal, if there is one, keep what an operator wants of the i-th backend. It is
// on disk when it returns.
func (f *Fanout) Remember(i int, m backend.Mode) error {
	if f.o.Journal == nil {
		return nil
	}
	return f.o.Journal.Update(&journal.Update{
		Flags: []journal.Flags{{Backend: i, Drained: m == backend.ModeDrained, Held: m == backend.ModeHeld}},
		Sync:  true,
	})
}

// recoverModes takes up what operators wanted of the backends before. One that is new to a journal
// with a history lacks what came before: it is held until an operator has seen to that. It is not
// new to the journal any more when that is on disk.
func (f *Fanout) recoverModes(s *journal.State) error {
	u := journal.Update{Sync: true}
	for i, t := range f.deliverers {
		switch was := &s.Backends[i]; {
		case was.New && s.History:
			u.Flags = append(u.Flags, journal.Flags{Backend: i, Held: true})
			t.b.Hold()
			f.log.Warn("a backend is new to the journal and lacks what was written before: it is held, writes are owed to it; "+
				"copy another one's data onto it and resume it", "backend", t.b.Name(),
				"resume", "POST /-/backends/"+t.b.Name()+"/resume")
		case was.Held:
			t.b.Hold()
		case was.Drained:
			t.b.Drain()
		}
	}
	if len(u.Flags) == 0 {
		return nil
	}
	if err := f.o.Journal.Update(&u); err != nil {
		return fmt.Errorf("cannot hold the new backends: %w", err)
	}
	return nil
}
