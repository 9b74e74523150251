package backend

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"tutti/metrics"
)

// Backend is one server: its address, its connections, whether it is live, what it lacks.
type Backend struct {
	name    string
	index   int
	o       Options
	m       *metrics.Backend // nil: not counted
	log     *slog.Logger
	dialer  net.Dialer
	dialing context.Context    // of every dial for the pool
	cancel  context.CancelFunc // of dialing
	pool    pool
	buffers *buffers
	health  health
	checker checker
	trouble trouble
	group   *Group // set once by NewGroup, before anything else; nil without
}

// New returns a backend named name ("host:port", as in metrics and on pages) dialled at the
// same. index is its position in --backend, at most 63. m may be nil: nothing is counted then.
func New(name string, index int, o Options, m *metrics.Backend) (*Backend, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if index < 0 || index >= maxBackends {
		return nil, fmt.Errorf("backend: %s is number %d, at most %d are possible", name, index+1, maxBackends)
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b := &Backend{
		name:    name,
		index:   index,
		o:       o,
		m:       m,
		log:     log.With("backend", name),
		dialer:  newDialer(o),
		buffers: newBuffers(o.MaxHeader),
	}
	b.dialing, b.cancel = context.WithCancel(context.Background())
	b.pool.init(o.MaxConns)
	b.health.init(o, time.Now().UnixNano())
	b.checker = newChecker(b)
	return b, nil
}

// Name is "host:port".
func (b *Backend) Name() string { return b.name }

// Index is its position in --backend, from 0.
func (b *Backend) Index() int { return b.index }

// Metrics are its series, nil if New was given none.
func (b *Backend) Metrics() *metrics.Backend { return b.m }

// Idle claims an idle connection, nil when there is none (or its use has its share). It never blocks.
func (b *Backend) Idle(u Use) *Conn { return b.pool.idleOne(u) }

// Acquire claims an idle connection or dials one; when MaxConns are in use it waits, at most
// wait, first come first served. Errors: ErrRefused, ErrDialTimeout, ErrBusy.
func (b *Backend) Acquire(u Use, wait time.Duration) (*Conn, error) {
	return b.acquire(u, wait, false)
}

func (b *Backend) acquire(u Use, wait time.Duration, fresh bool) (*Conn, error) {
	g, evict := b.pool.take(u, fresh)
	if evict != nil {
		_ = evict.nc.Close()
	}
	if g.c == nil && !g.dial {
		g = b.pool.wait(u, wait)
	}
	switch {
	case g.c != nil && fresh:
		b.pool.replace(g.c)
		return b.dial(u)
	case g.c != nil:
		return g.c, nil
	case g.dial:
		return b.dial(u)
	}
	return nil, ErrBusy
}

// hangUp is Group.HangUp for one.
func (b *Backend) hangUp() {
	b.cancel()
	b.pool.dismiss()
}

// Stats are counted for pages and gauges.
type Stats struct {
	Idle, Active, Waiting int // connections (being dialled: active) and claims queued for one
	Lacks                 int
	Reads                 uint64 // times it was picked for one
}

// Stats of b now.
func (b *Backend) Stats() Stats {
	var s Stats
	s.Idle, s.Active, s.Waiting = b.pool.stats()
	if b.group != nil {
		s.Lacks, s.Reads = b.group.shares(b)
	}
	return s
}

// hurry has the sweeper look no later than at.
func (b *Backend) hurry(at int64) {
	if b.group != nil {
		b.group.hurry(at)
	}
}
