package backend

import (
	"context"
	"sync"
	"sync/atomic"

	"tutti/clock"
	"tutti/pipe"
)

// maxBackends is how many a Set can hold.
const maxBackends = 64

// Set is a set of backends by Index (at most 64).
type Set uint64

// With returns s with b in it.
func (s Set) With(b *Backend) Set { return s | 1<<uint(b.Index()) }

// Has tells whether b is in s.
func (s Set) Has(b *Backend) bool { return s&(1<<uint(b.Index())) != 0 }

// Group is all backends and the only owner of who is live. It runs the sweeper and the checks.
type Group struct {
	all []*Backend

	mu      sync.Mutex
	members []member // as all
	ring    ring

	pipes   pipe.Pool
	sweeper sweeper
	next    atomic.Int64 // when the sweeper looks next

	endChecks context.CancelFunc
	checking  sync.WaitGroup
}

// NewGroup takes over the backends, each at the place its Index says. Close it.
func NewGroup(bs []*Backend) *Group {
	g := &Group{all: append([]*Backend(nil), bs...), members: make([]member, len(bs))}
	for i, b := range g.all {
		s, _ := b.State()
		g.members[i] = member{bit: Set(0).With(b), state: s}
		b.group = g
	}
	g.ring.rebuild(g.members)
	g.sweeper.start(g)
	var ctx context.Context
	ctx, g.endChecks = context.WithCancel(context.Background())
	for _, b := range g.all {
		if b.o.Checks.Path != "" {
			g.checking.Go(func() { b.checker.run(ctx) })
		}
	}
	return g
}

// All is every backend, in --backend order. Do not change it.
func (g *Group) All() []*Backend { return g.all }

// Pick returns the backend whose turn it is among the most eligible ones that are not in tried:
// live ones that lack no answered write, else live ones, else those that are ejected or
// unhealthy; never a drained or held one. nil when none is left. Strict: k picks over n eligible differ
// by at most one, also while backends leave and return (least recently picked first). One that
// was down lets most of its turns pass in the first seconds after it is back.
func (g *Group) Pick(tried Set) *Backend {
	g.mu.Lock()
	i := g.ring.pick(g.members, tried)
	if i >= 0 {
		g.members[i].reads++
	}
	g.mu.Unlock()
	if i < 0 {
		return nil
	}
	return g.all[i]
}

// AnyLive tells whether some backend is Live.
func (g *Group) AnyLive() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.members {
		if g.members[i].state == Live {
			return true
		}
	}
	return false
}

// moved heeds b's new state. b's health lock is held, so that states arrive in order.
func (g *Group) moved(b *Backend, s State) {
	now := clock.Now()
	g.mu.Lock()
	m := g.member(b)
	m.become(s, now)
	g.ring.rebuild(g.members)
	returning := m.returning()
	g.mu.Unlock()
	if s == Ejected || returning {
		g.hurry(now) // its sleep may be longer than the ejection, or than a step
	}
}

// advance goes on with slow returns and returns when it is due again, 0 for never. A return
// rests while the backend takes no reads, drained, held or still lacking writes.
func (g *Group) advance(now int64) (next int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.members {
		m := &g.members[i]
		switch {
		case !m.returning():
			continue
		case m.level() != g.ring.level:
			m.stepAt = now + m.step
		case m.advance(now):
			g.ring.rebuild(g.members)
		}
		if m.returning() {
			next = sooner(next, m.stepAt)
		}
	}
	return next
}

// Lack adds d to the number of answered writes b has not got (owed or parked). On return
// Pick heeds it.
func (b *Backend) Lack(d int) {
	g := b.group
	if g == nil { // nobody picks it
		return
	}
	g.mu.Lock()
	m := g.member(b)
	had := m.lacks > 0
	m.lacks += d
	if had != (m.lacks > 0) {
		g.ring.rebuild(g.members)
	}
	g.mu.Unlock()
}

// shares is what b lacks and how many reads it was picked for.
func (g *Group) shares(b *Backend) (lacks int, reads uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.member(b)
	return m.lacks, m.reads
}

// member is b's.
func (g *Group) member(b *Backend) *member { return &g.members[b.index] }

// hurry has the sweeper look no later than at.
func (g *Group) hurry(at int64) {
	if at < g.next.Load() {
		g.sweeper.poke()
	}
}

// HangUp ends every connecting and every wait for a connection, and has every later one fail, with
// ErrBusy: whoever stops does not wait for DialTimeout. What is connected stays as it is.
func (g *Group) HangUp() {
	for _, b := range g.all {
		b.hangUp()
	}
}

// Close stops the checks and the sweeper, waits for them and closes idle connections; claims that last are
// abandoned, since nobody keeps their time any more, and closed at their Release. A claim after it is ErrBusy.
func (g *Group) Close() {
	g.HangUp()
	g.endChecks()
	g.checking.Wait()
	g.sweeper.stop()
	g.pipes.Close()
	var cs []*Conn
	for _, b := range g.all {
		for _, c := range b.pool.close() {
			_ = c.nc.Close()
		}
		cs = b.pool.all(cs[:0])
		for _, c := range cs {
			c.Abandon()
		}
	}
}
