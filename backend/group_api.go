package backend

// Set is a set of backends by Index (at most 64).
type Set uint64

// With returns s with b in it.
func (s Set) With(b *Backend) Set { return s | 1<<uint(b.Index()) }

// Has tells whether b is in s.
func (s Set) Has(b *Backend) bool { return s&(1<<uint(b.Index())) != 0 }

// Group is all backends and the only owner of who is live. It runs the sweeper.
type Group struct{ skeleton }

// NewGroup takes over the backends. Close it.
func NewGroup(bs []*Backend) *Group { panic("todo") }

// All is every backend, in --backend order. Do not change it.
func (g *Group) All() []*Backend { panic("todo") }

// Pick returns the backend whose turn it is among the most eligible ones that are not in tried:
// live ones that lack no answered write, else live ones, else those that are ejected; never a
// drained one. nil when none is left. Strict: k picks over n eligible differ by at most one,
// also while backends leave and return (least recently picked first).
func (g *Group) Pick(tried Set) *Backend { panic("todo") }

// State is why a backend takes reads or not.
type State uint8

// The states.
const (
	Live State = iota
	Ejected
	Drained
)

// State of b, and since when (Unix nanoseconds).
func (b *Backend) State() (s State, since int64) { panic("todo") }

// Up tells whether a write should be tried at once: it is live and its last connect succeeded (or none was tried).
func (b *Backend) Up() bool { panic("todo") }

// OnUp registers the one function called, without locks held, whenever Up turns true.
func (b *Backend) OnUp(f func()) { panic("todo") }

// Drain takes b out of the reads until Resume; writes go on.
func (b *Backend) Drain() { panic("todo") }

// Resume ends Drain, and an ejection.
func (b *Backend) Resume() { panic("todo") }

// Lack adds d to the number of answered writes b has not got (owed or parked). On return
// Pick heeds it.
func (b *Backend) Lack(d int) { panic("todo") }

// Stats are counted for pages and gauges.
type Stats struct {
	Idle, Active, Waiting int // connections and claims queued for one
	Lacks                 int
}

// Stats of b now.
func (b *Backend) Stats() Stats { panic("todo") }

// AnyLive tells whether some backend is Live.
func (g *Group) AnyLive() bool { panic("todo") }

// Close stops the sweeper and closes idle connections; claimed ones are closed at their Release. It waits for the sweeper.
func (g *Group) Close() { panic("todo") }
