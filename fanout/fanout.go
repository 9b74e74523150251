package fanout

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tutti/clock"
)

// Fanout sends writes to every backend and sees to it that each gets them.
type Fanout struct {
	o          Options
	log        *slog.Logger
	rules      rules
	deliverers []*deliverer
	all        uint64 // a bit for each
	inline     bool   // the client's own goroutine may do the sending

	random    randomness
	buffers   buffers
	writes    sync.Pool // *write
	responses sync.Pool // *response
	wall      time.Time // at mono
	mono      int64     // clock.Now
	strange   throttle  // of warnings about a 2xx that is no success
	given     throttle  // of warnings about parked deliveries
	unkept    throttle  // of errors of the journal

	ids         *ids  // with a journal
	window      int   // how many deliveries owed a backend are in memory, with a journal
	windowBytes int64 // how many bytes are read for them, and not yet delivered
	keeper      keeper

	legs     chan *delivery // to a leg that has nothing to do
	idleLegs atomic.Int32
	running  sync.WaitGroup // every goroutine
	quit     chan struct{}  // they end
	cutting  atomic.Bool    // what is being sent is abandoned
	ended    chan struct{}  // clients wait no longer
	endOnce  sync.Once
	keeping  chan struct{} // of one: there is a kept write again
	quiet    chan struct{} // of one: perhaps nothing is owed any more, somebody drains

	mu       sync.Mutex
	ledger   ledger
	live     map[*leg]struct{}
	notes    []note // told when the lock is given back
	refusing bool   // the drain's time is over
	held     uint64 // a bit for each backend that is held, as far as it was heeded
	waiters  waiters
	closed   bool
}

// New returns a Fanout and starts its goroutines. Close it, after the front's Server and
// before the Group.
func New(o Options) (*Fanout, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	f := &Fanout{
		o:       o,
		log:     o.Log,
		rules:   rules{success: o.Success, reject: o.Reject, unanimous: o.RejectUnanimous, policy: o.Policy},
		wall:    time.Now(),
		mono:    clock.Now(),
		legs:    make(chan *delivery),
		quit:    make(chan struct{}),
		ended:   make(chan struct{}),
		keeping: make(chan struct{}, 1),
		quiet:   make(chan struct{}, 1),
		live:    make(map[*leg]struct{}),
	}
	if f.log == nil {
		f.log = slog.Default()
	}
	f.writes.New = func() any { return new(write) }
	f.responses.New = func() any { return new(response) }
	f.ledger = ledger{
		maxWrites: o.MaxPending, maxBytes: o.MaxPendingBytes, keepFor: int64(o.KeepFor),
		byID: make(map[[16]byte]*write), byScope: make(map[scope]*write),
		seq:  o.LastSequence,
		free: f.putWrite, put: f.buffers.put,
		onKeep:  func() { poke(f.keeping) },
		onQuiet: func() { poke(f.quiet) },
	}
	for i, b := range o.Group.All() {
		f.deliverers = append(f.deliverers, newDeliverer(b, o.Metrics.Backend(i)))
		f.all |= 1 << i
	}
	if o.Journal != nil {
		if err := f.recover(); err != nil {
			return nil, err
		}
		f.running.Go(f.keep)
	}
	f.inline = o.Ack == len(f.deliverers) && o.AckTimeout >= 10*patience
	for _, t := range f.deliverers {
		t.b.OnUp(func() { f.back(t) })
		t.b.OnHold(func() { f.heedHold(t) })
		f.heedHold(t) // it may be from the start
		f.running.Go(func() { f.run(t) })
	}
	f.running.Go(f.forget)
	return f, nil
}

// poke sends to a channel of one without blocking.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// jitter is drawn afresh for each wait.
func (f *Fanout) jitter() time.Duration {
	return rand.N(f.rules.policy.Jitter + 1)
}

// wallTime is when now (clock.Now) was or will be.
func (f *Fanout) wallTime(now int64) time.Time {
	return f.wall.Add(time.Duration(now - f.mono)).UTC()
}

// unlock gives Fanout.mu back and then logs what happened under it.
func (f *Fanout) unlock() {
	if len(f.notes) == 0 {
		f.mu.Unlock()
		return
	}
	notes := f.notes
	f.notes = nil
	f.mu.Unlock()
	for i := range notes {
		f.tell(&notes[i])
	}
}

// forget is the goroutine that forgets finished writes when their time is over.
func (f *Fanout) forget() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := clock.Now()
		f.mu.Lock()
		due := f.ledger.expire(now)
		f.mu.Unlock()
		timer.Stop()
		if due != 0 {
			// Not one wake-up per write when many were settled in a row.
			timer.Reset(max(time.Duration(due-now), 10*time.Millisecond))
		}
		select {
		case <-timer.C:
		case <-f.keeping:
		case <-f.quit:
			return
		}
	}
}
