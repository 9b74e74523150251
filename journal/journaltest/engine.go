package journaltest

import (
	"testing"

	"tutti/journal"
)

// Engine is an engine over an empty store of its own.
type Engine struct {
	// Open opens what lies in the store; one journal at a time.
	Open func(backends, forget []string) (journal.Journal, error)

	// Crash cuts the power while a journal is open: what was not synced is lost, wholly or all
	// but its beginning, and the journal is not used again. nil: the engine can't.
	Crash func()

	// Slow leaves the random runs out: the store is slow, and a quick one's run shows the same.
	Slow bool
}

// Run runs the suite over an engine; made makes one.
func Run(t *testing.T, made func(t *testing.T) Engine) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *store)
	}{
		{"a new journal is empty", testNew},
		{"an entry is read as it was appended", testAppend},
		{"sequences come in any order and far apart", testSequences},
		{"concurrent appends are all there", testConcurrent},
		{"what is read belongs to the reader", testMemory},
		{"what is done is known after a restart", testDone},
		{"a settled entry is gone with its notes", testSettled},
		{"settling in any order leaves the others", testSettlingOrder},
		{"notes are replaced and removed", testNotes},
		{"records outlive their entry until they are forgotten", testKept},
		{"records expire in time's order", testExpire},
		{"a client's key finds its last write", testScoped},
		{"flags survive a restart", testFlags},
		{"a backend is new until something was written", testNewBackend},
		{"a backend that is gone is counted", testGone},
		{"a backend that is gone and owed nothing is forgotten", testGoneClean},
		{"the order of backends does not matter", testBackendOrder},
		{"what a forgotten backend was owed is dropped", testForget},
		{"an update is seen whole or not at all", testAtomic},
		{"what was synced survives a crash", testCrash},
		{"after Close everything says so", testClosed},
		{"two don't open it at once", testTwice},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, &store{TB: t, t: t, Engine: made(t)})
		})
	}
	if made(t).Slow {
		return
	}
	t.Run("it is a simple model", func(t *testing.T) { testModel(t, made) })
}
