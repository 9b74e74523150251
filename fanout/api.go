package fanout

import (
	"context"
	"errors"

	"tutti/front"
	"tutti/metrics"
)

// What Retry and Drop answer. ErrUnknown is a 404, the others are a 409.
var (
	ErrUnknown = errors.New("no such write")
	ErrState   = errors.New("nothing of this write can be retried or dropped")
)

// Fanout sends writes to every backend and sees to it that each gets them.
type Fanout struct{ skeleton }

type skeleton struct{}

// New returns a Fanout and starts its goroutines. Close it, after the front's Server and
// before the Group.
func New(o Options) (*Fanout, error) { panic("todo") }

// Serve answers one write. It sets x.Status; counting the route's requests is the caller's.
// Loops (Via) and routing were checked before.
func (f *Fanout) Serve(x *front.Exchange) { panic("todo") }

// Page answers GET and HEAD of /-/writes/{id} on --listen: backends by position, 404 for an
// unknown id. It sets x.Status. The caller checked the method.
func (f *Fanout) Page(x *front.Exchange, id string) { panic("todo") }

// Snapshot is one consistent look for the metrics: Accepted == Settled + Pending + Parked.
func (f *Fanout) Snapshot() metrics.Writes { panic("todo") }

// Lookup finds a write by its id of 32 hex digits, with backends by name.
func (f *Fanout) Lookup(id string) (View, bool) { panic("todo") }

// List returns writes in the order they were accepted, with backends by name.
func (f *Fanout) List(q Filter) []View { panic("todo") }

// Retry takes up the parked deliveries of a write again, attempts counted afresh.
// Errors: ErrUnknown, ErrState.
func (f *Fanout) Retry(id string) error { panic("todo") }

// Drop gives up what of a write is not delivered. A delivery that is being sent ends by its
// own outcome: delivered if it succeeds, dropped otherwise. Errors: ErrUnknown, ErrState.
func (f *Fanout) Drop(id string) error { panic("todo") }

// Drain returns when no write is pending or ctx is done (then ctx.Err()). Once ctx is done,
// clients that still wait for --ack are told 502 with each backend's state, and further
// writes are refused with 503; so call it while the front drains, too, and give the front a
// moment longer than ctx to get those answers out.
func (f *Fanout) Drain(ctx context.Context) error { panic("todo") }

// Abandoned is a write that Close gave up.
type Abandoned struct {
	ID       string
	Backends []string // "host:port" of those that have not got it
}

// Close cuts every sending, waits for every goroutine, and tells what is given up: the
// first thousand, in the order they were accepted, and how many there are. The front must
// not call Serve any more.
func (f *Fanout) Close() (first []Abandoned, total int) { panic("todo") }
