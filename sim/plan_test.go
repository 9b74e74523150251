package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tutti/backend"
	"tutti/journal"
	"tutti/retry"
)

// plan is all that a seed decides beforehand.
type plan struct {
	seed     uint64
	backends int
	length   time.Duration // of the bad time; then everything is well

	ack        string
	ackTimeout time.Duration
	orderBy    string
	reject     string
	policy     retry.Policy
	maxPending int
	maxBytes   int64
	maxWrite   int64
	keepFor    time.Duration
	tries      int
	queueTime  time.Duration
	backend    backend.Options

	journal    bool
	maxDisk    int64   // bytes; 0: no limit
	diskStalls float64 // how often it takes long
	diskFaults []diskFault
	outages    []outage

	faults    [numFaults]int // weights
	storms    []storm
	clients   [][]step
	operators []action
	stops     bool // while it is bad, instead of when all is well
	stopTime  time.Duration
}

// storm is a time in which one replica is out of order.
type storm struct {
	replica  int
	from, to time.Duration
	kind     stormKind
}

type stormKind uint8

const (
	stormDown   stormKind = iota // nobody listens, and what is connected is cut
	stormAway                    // connecting takes for ever
	stormSilent                  // it takes requests and does nothing
	stormErrors                  // 500
	stormSlow                    // it takes seconds
	numStorms
)

func (k stormKind) String() string {
	return [...]string{"down", "away", "silent", "answers 500", "slow"}[k]
}

// step is something a client does.
type step struct {
	wait   time.Duration // before
	kind   stepKind
	user   int
	size   int           // bytes of padding
	key    bool          // it sends an Idempotency-Key
	poison bool          // replicas refuse it the first time
	pause  time.Duration // in the body
}

type stepKind uint8

const (
	stepWrite stepKind = iota
	stepChunked
	stepSlowly // the body comes in pieces
	stepPair   // two writes at once
	stepLeaves // it leaves when the request is sent
	stepCut    // it leaves inside the body
	stepRead
	stepPage // it asks what became of its last 202
	numSteps
)

// action is something an operator does.
type action struct {
	at      time.Duration
	kind    actionKind
	replica int
	any     int // decides which write
}

type actionKind uint8

const (
	actDrain actionKind = iota
	actResume
	actRetry
	actForce
	actDrop   // a parked one
	actGiveUp // any
	numActions
)

func (k actionKind) String() string {
	return [...]string{"drain", "resume", "retry", "force", "drop", "give up"}[k]
}

func (k stepKind) writes() bool { return k <= stepCut }

func (k stepKind) String() string {
	return [...]string{"whole", "chunked", "slowly", "pair", "leaves", "cut", "read", "page"}[k]
}

// newPlan draws the seed's.
func newPlan(seed uint64) *plan {
	d := diceFor(seed, 'p')
	p := &plan{
		seed:       seed,
		backends:   one(d, 1, 2, 3, 3, 3, 4, 5),
		length:     d.between(2*time.Second, 30*time.Second),
		ackTimeout: one(d, 500*time.Millisecond, 2*time.Second, 10*time.Second, 30*time.Second),
		orderBy:    one(d, "", "", "header:x-user", "form:user", "query:user", "all", "path"),
		reject:     one(d, "unanimous", "unanimous", "unanimous", "none", "400-407,409-499"),
		maxPending: one(d, 1000, 1000, 1000, 8),
		maxBytes:   one(d, int64(64<<20), 64<<20, 64<<20, 40<<10),
		maxWrite:   64 << 10,
		keepFor:    one(d, 0, 5*time.Second, time.Minute),
		tries:      one(d, 1, 1, 2),
		queueTime:  one(d, 50*time.Millisecond, time.Second),
		stops:      d.chance(0.15),
		stopTime:   one(d, 0, 500*time.Millisecond, 20*time.Second),
	}
	p.ack = one(d, "all", "all", "quorum", "one", fmt.Sprint(d.number(1, p.backends)))
	p.policy = retry.Policy{
		Base: one(d, 20*time.Millisecond, 100*time.Millisecond, time.Second), Max: one(d, time.Second, 4*time.Second),
		Attempts: one(d, 0, 0, 2, 3, 5, 100),
	}
	p.backend = backend.Options{
		DialTimeout: one(d, 300*time.Millisecond, 3*time.Second), ResponseTimeout: one(d, 300*time.Millisecond, time.Second, 5*time.Second),
		StreamTimeout: one(d, time.Second, time.Minute), IdleTimeout: one(d, time.Second, 30*time.Second),
		MaxConns: one(d, 64, 64, 4, 2, 1), EjectAfter: one(d, 1, 3, 3), EjectFor: one(d, 100*time.Millisecond, 2*time.Second),
	}
	if d.chance(0.15) {
		p.backend.Checks = backend.Checks{Path: "/health", Interval: time.Second, Timeout: 300 * time.Millisecond}
	}
	p.drawWeather(d)
	p.drawClients(d)
	p.drawOperators(d)
	if d.chance(0.6) {
		p.drawJournal(d)
	}
	return p
}

// drawJournal draws what the disk does, and when the process ends.
func (p *plan) drawJournal(d dice) {
	p.journal, p.stops = true, false
	p.diskStalls = one(d, 0, 0, 0.01, 0.1)
	if d.chance(0.1) {
		p.maxDisk = int64(d.number(2000, 50000))
	}
	from := time.Duration(0)
	if d.chance(0.3) {
		for range d.number(1, 3) {
			f := diskFault{from: from + d.between(0, p.length/2), err: one(d, journal.ErrFull, journal.ErrUnavailable, journal.ErrUncertain)}
			f.to = f.from + d.between(10*time.Millisecond, 5*time.Second)
			from = f.to
			p.diskFaults = append(p.diskFaults, f)
		}
	}
	for range one(d, 0, 1, 1, 2, 5) {
		p.outages = append(p.outages, outage{
			kind: outageKind(d.IntN(int(numOutages))), after: d.between(0, p.length/2), event: one(d, 0, d.number(1, 5), d.number(1, 100)),
			down: d.between(0, time.Second), keeps: one(d, 0, 100, d.number(0, 100)),
		})
	}
}

// diskSlack is how long an answer may wait for a disk that stalls: for what others have it do, too.
func (p *plan) diskSlack() time.Duration {
	if p.diskStalls > 0 {
		return 10 * time.Second
	}
	return 0
}

// notedWithin is how long it may take until what became of a delivery is on disk.
func (p *plan) notedWithin() time.Duration {
	if len(p.diskFaults) > 0 {
		return time.Minute
	}
	if p.diskStalls > 0 {
		return 10 * time.Second
	}
	return time.Second
}

// rejectsList tells whether a 404 of one replica ends its delivery.
func (p *plan) rejectsList() bool { return strings.HasPrefix(p.reject, "400-") }

func (p *plan) drawWeather(d dice) {
	p.faults[faultNone] = one(d, 1000, 300, 100, 30)
	for f := faultNone + 1; f < numFaults; f++ {
		if d.chance(0.4) {
			p.faults[f] = d.number(1, 10)
		}
	}
	for range d.number(0, 4) {
		from := d.between(0, p.length)
		p.storms = append(p.storms, storm{
			replica: d.IntN(p.backends), kind: stormKind(d.IntN(int(numStorms))),
			from: from, to: min(from+d.between(10*time.Millisecond, 10*time.Second), p.length),
		})
	}
}

func (p *plan) drawClients(d dice) {
	shared := d.chance(0.5)
	users := d.number(1, 3)
	for c := range d.number(1, 6) {
		var steps []step
		pace := one(d, 5*time.Millisecond, 50*time.Millisecond, time.Second)
		mostly := one(d, stepWrite, stepWrite, stepRead)
		for at := time.Duration(0); at < p.length && len(steps) < 16; {
			s := step{wait: d.between(1, pace), kind: mostly, user: c}
			switch {
			case d.chance(0.3):
				s.kind = stepRead
			case d.chance(0.25):
				s.kind = stepKind(d.IntN(int(numSteps)))
			}
			if shared {
				s.user = d.IntN(users)
			}
			s.size = one(d, 0, 10, 300, 5000)
			if d.chance(0.05) {
				s.size = one(d, 30<<10, 50<<10, 63<<10, 70<<10)
			}
			s.key, s.poison = d.chance(0.3), d.chance(0.07)
			s.pause = d.between(1, 300*time.Millisecond)
			at += s.wait
			steps = append(steps, s)
		}
		p.clients = append(p.clients, steps)
	}
}

func (p *plan) drawOperators(d dice) {
	if d.chance(0.5) {
		return
	}
	for range d.number(1, 8) {
		p.operators = append(p.operators, action{
			at: d.between(0, p.length), kind: actionKind(d.IntN(int(numActions))), replica: d.IntN(p.backends), any: d.IntN(1 << 30),
		})
	}
	slices.SortFunc(p.operators, func(a, b action) int { return cmp.Compare(a.at, b.at) })
}

// String is the plan as a failure shows it.
func (p *plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d backends for %v, ack %s within %v, order by %q, reject %s, attempts %d, base %v, max %v\n",
		p.backends, p.length, p.ack, p.ackTimeout, p.orderBy, p.reject, p.policy.Attempts, p.policy.Base, p.policy.Max)
	o := &p.backend
	fmt.Fprintf(&b, "dial %v, answer %v, stream %v, idle %v, conns %d, eject after %d for %v, checks %v, tries %d, queue %v\n",
		o.DialTimeout, o.ResponseTimeout, o.StreamTimeout, o.IdleTimeout, o.MaxConns, o.EjectAfter, o.EjectFor, o.Checks.Path != "", p.tries, p.queueTime)
	fmt.Fprintf(&b, "pending at most %d, %d bytes, kept for %v, stops %v within %v\n", p.maxPending, p.maxBytes, p.keepFor, p.stops, p.stopTime)
	if p.journal {
		fmt.Fprintf(&b, "a journal of at most %d bytes, stalls %v\n", p.maxDisk, p.diskStalls)
	}
	for _, f := range p.diskFaults {
		fmt.Fprintf(&b, "the disk fails from %v to %v: %v\n", f.from, f.to, f.err)
	}
	for _, o := range p.outages {
		fmt.Fprintf(&b, "it is %v %v and %d events after its start, %d%% left, down for %v\n", o.kind, o.after, o.event, o.keeps, o.down)
	}
	for f, w := range p.faults {
		if w > 0 {
			fmt.Fprintf(&b, "%v %d  ", fault(f), w)
		}
	}
	b.WriteByte('\n')
	for _, s := range p.storms {
		fmt.Fprintf(&b, "replica %d %v from %v to %v\n", s.replica, s.kind, s.from, s.to)
	}
	return b.String()
}
