package fanout

import (
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

// recoverMode takes up what an operator wanted of a backend before.
func recoverMode(b *backend.Backend, was *journal.Backend) {
	switch {
	case was.Held:
		b.Hold()
	case was.Drained:
		b.Drain()
	}
}
