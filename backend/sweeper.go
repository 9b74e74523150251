package backend

import (
	"math"
	"sync"
	"time"

	"tutti/clock"
)

// The sweeper's pace: an eighth of the shortest timeout within these, sooner when something
// is due sooner.
const (
	minTick = 5 * time.Millisecond
	maxTick = 250 * time.Millisecond
)

// idlePipe is how long a pipe that nobody uses is kept.
const idlePipe = 10 * time.Second

// sweeper is the one goroutine that keeps a group's time: it cuts what is overdue, closes
// connections and pipes that were idle for too long, ends ejections, goes on with slow returns.
type sweeper struct {
	tick  time.Duration
	wake  chan struct{}
	done  chan struct{}
	once  sync.Once
	ended sync.WaitGroup
	conns []*Conn // scratch
}

func (s *sweeper) start(g *Group) {
	s.tick = maxTick
	for _, b := range g.all {
		for _, d := range []time.Duration{b.o.ResponseTimeout, b.o.StreamTimeout, b.o.IdleTimeout} {
			if d > 0 {
				s.tick = min(s.tick, d/8)
			}
		}
	}
	s.tick = max(s.tick, minTick)
	s.wake = make(chan struct{}, 1)
	s.done = make(chan struct{})
	s.ended.Go(func() { s.run(g) })
}

// stop ends the goroutine and waits for it.
func (s *sweeper) stop() {
	s.once.Do(func() { close(s.done) })
	s.ended.Wait()
}

// poke makes it look soon.
func (s *sweeper) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *sweeper) run(g *Group) {
	timer := time.NewTimer(s.tick)
	defer timer.Stop()
	for {
		now := clock.Now()
		sleep := s.tick
		g.next.Store(math.MaxInt64) // what is set from here on may be missed by this look
		if next := s.sweep(g, now); next != 0 {
			sleep = min(sleep, max(time.Duration(next-now), minTick))
		}
		g.next.Store(now + int64(sleep))
		timer.Reset(sleep)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-s.done:
			return
		}
	}
}

// sweep looks once and returns when it should next at the latest, 0 when nothing is due.
func (s *sweeper) sweep(g *Group, now int64) (next int64) {
	next = g.advance(now)
	if oldest := g.pipes.Expire(now - int64(idlePipe)); oldest != 0 {
		next = sooner(next, oldest+int64(idlePipe))
	}
	for _, b := range g.all {
		next = sooner(next, b.expire(now))

		old, oldest := b.pool.expire(now-int64(b.o.IdleTimeout), s.conns[:0])
		for _, c := range old {
			_ = c.nc.Close()
		}
		clear(old)
		if oldest != 0 {
			next = sooner(next, oldest+int64(b.o.IdleTimeout))
		}

		s.conns = b.pool.all(old[:0])
		for _, c := range s.conns {
			next = sooner(next, c.sweep(now))
		}
		clear(s.conns)
	}
	return next
}
