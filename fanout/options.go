package fanout

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tutti/backend"
	"tutti/journal"
	"tutti/metrics"
	"tutti/retry"
)

// Options of a Fanout. New validates them; there are no silent defaults.
type Options struct {
	Group   *backend.Group // the backends, which stay the caller's
	Metrics *metrics.Set
	Log     *slog.Logger // nil: slog.Default()

	Success         StatusSet // what counts as delivered; not empty
	Reject          StatusSet // what ends a delivery as refused, without retry; may be empty
	RejectUnanimous bool      // the same 4xx of all first attempts ends the write as refused

	Ack         int           // so many backends must have delivered before the client is answered (ParseAck)
	AckEarliest bool          // the earliest answer goes to the client, not the first in --backend order
	AckTimeout  time.Duration // not acknowledged by then: 202

	Policy retry.Policy

	MaxPending      int   // writes held: unfinished, parked, arriving
	MaxPendingBytes int64 // of those writes' heads and bodies, as the clients sent them
	MaxWriteSize    int64 // bytes of a write's body, and of a backend's answer to it

	Journal journal.Journal // where writes lie until all have them, which stays the caller's; nil: in memory

	OrderBy      OrderBy // per key and backend one delivery at a time, in sequence
	LastSequence uint64  // of what was accepted before: the first write gets one more

	KeepFor   time.Duration // a finished write whose id was told to somebody can be looked up for so long
	Pseudonym string        // for Via
}

// validate says what is wrong with o, naming the field.
func (o *Options) validate() error {
	if o.Group == nil || len(o.Group.All()) == 0 {
		return errors.New("fanout: Group must have a backend")
	}
	n := len(o.Group.All())
	switch {
	case o.Metrics == nil:
		return errors.New("fanout: Metrics must be set")
	case o.Success.Empty():
		return errors.New("fanout: Success must name a status")
	case o.Success.Overlaps(&o.Reject):
		return errors.New("fanout: Success and Reject name the same status")
	case o.Ack < 1 || o.Ack > n:
		return fmt.Errorf("fanout: Ack is %d, must be 1 to %d", o.Ack, n)
	case o.AckTimeout <= 0:
		return fmt.Errorf("fanout: AckTimeout is %v, must be more than 0", o.AckTimeout)
	case o.MaxPending < 1:
		return fmt.Errorf("fanout: MaxPending is %d, must be at least 1", o.MaxPending)
	case o.MaxPendingBytes < 1:
		return fmt.Errorf("fanout: MaxPendingBytes is %d, must be at least 1", o.MaxPendingBytes)
	case o.MaxWriteSize < 0:
		return fmt.Errorf("fanout: MaxWriteSize is %d, must not be negative", o.MaxWriteSize)
	case o.KeepFor < 0:
		return fmt.Errorf("fanout: KeepFor is %v, must not be negative", o.KeepFor)
	}
	if err := o.Policy.Validate(); err != nil {
		return fmt.Errorf("fanout: %w", err)
	}
	return nil
}
