package fanout

import (
	"fmt"

	"tutti/journal"
)

// GoneError keeps a Fanout from starting: the journal owes something to backends that are not
// there any more.
type GoneError struct{ Backends []journal.Gone }

func (e *GoneError) Error() string {
	return fmt.Sprintf("the journal owes %d writes to %s, which is not a backend", e.Backends[0].Owed, e.Backends[0].Name)
}
