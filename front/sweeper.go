package front

import (
	"sync"
	"time"
)

// idleInDrain is how long a connection of a draining server may be silent before it is
// closed: a request may be on its way on it.
const idleInDrain = time.Second

// sweeper cuts what is overdue. Connections only stamp what they do; one goroutine looks at all
// of them every tick, because a deadline per request is a timer per request.
type sweeper struct {
	s     *Server
	every time.Duration
	batch [256]*conn

	client, idle, drain uint64 // limits in ticks

	started bool // under Server.mu
	quit    chan struct{}
	once    sync.Once
	done    sync.WaitGroup

	answer bool // of the look being made
	lookFn func(fd uintptr)
	gapeFn func(fd uintptr)
}

func (sw *sweeper) init(s *Server) {
	sw.s, sw.every = s, s.o.tick()
	sw.client, sw.idle, sw.drain = sw.ticks(s.o.ClientTimeout), sw.ticks(s.o.IdleTimeout), sw.ticks(idleInDrain)
	sw.quit = make(chan struct{})
	sw.lookFn = func(fd uintptr) { sw.answer = hungUp(fd) }
	sw.gapeFn = func(fd uintptr) {
		var b [1]byte
		n, e := peek(fd, b[:])
		sw.answer = n == 0 && e == 0
	}
}

// ticks is the age in ticks past which d is surely over: a stamp may have been made
// just before its tick ended.
func (sw *sweeper) ticks(d time.Duration) uint64 {
	return uint64((d + sw.every - 1) / sw.every)
}

// start is called with Server.mu held.
func (sw *sweeper) start() {
	if sw.started {
		return
	}
	sw.started = true
	sw.done.Go(sw.run)
}

// stop ends it and waits.
func (sw *sweeper) stop() {
	sw.once.Do(func() { close(sw.quit) })
	sw.done.Wait()
}

// run counts ticks rather than reading the clock: after a pause of the whole process nothing
// is overdue that was not before.
func (sw *sweeper) run() {
	t := time.NewTicker(sw.every)
	defer t.Stop()
	for {
		select {
		case <-sw.quit:
			return
		case <-t.C:
			sw.sweep(sw.s.tick.Add(1))
		}
	}
}

func (sw *sweeper) sweep(tick uint64) {
	for before := int(^uint(0) >> 1); before > 0; {
		var n int
		n, before = sw.s.set.slice(sw.batch[:], before)
		for i, c := range sw.batch[:n] {
			sw.check(c, tick)
			sw.batch[i] = nil
		}
	}
}

// check cuts c if it is overdue.
func (sw *sweeper) check(c *conn, tick uint64) {
	m := c.phase.load()
	age := m.age(tick)
	switch m.phase() {
	case shaking, fresh:
		sw.checkIdle(c, m, tick, sw.client)
	case idle:
		sw.checkIdle(c, m, tick, sw.idle)
	case heading, arriving:
		if age > sw.client {
			c.cutRead(&c.phase, m)
		}
	case answering:
		// each of the first ticks, then each fourth
		if age >= 2 && (age < 8 || age%4 == 0) {
			sw.checkLeft(c, m)
		}
	case none, tunnelling, closing, receiving, sending:
	}
	if m := c.rx.load(); m.phase() == receiving && m.age(tick) > sw.client {
		c.cutRead(&c.rx, m)
	}
	if m := c.tx.load(); m.phase() == sending && m.age(tick) > sw.client {
		c.cutWrite(m)
	}
}

// checkIdle closes a connection that was silent for longer than limit, or for a second when
// draining, and one whose client left: its FIN may have come along with the last request, and
// no event tells of it.
func (sw *sweeper) checkIdle(c *conn, m moment, tick, limit uint64) {
	age := m.age(tick)
	gone := age > limit
	if since := sw.s.drainTick.Load(); since != 0 {
		gone = gone || min(age, tick-min(tick, since)) > sw.drain
	}
	if !gone && age >= 1 && m&looked == 0 && c.raw {
		sw.answer = false
		_ = c.rc.Control(sw.gapeFn)
		if gone = sw.answer; !gone {
			c.phase.mark(m, looked)
			return
		}
	}
	if gone {
		c.cutRead(&c.phase, m)
	}
}

// checkLeft abandons the backend's side of an exchange whose client left. A half-close
// counts as leaving.
func (sw *sweeper) checkLeft(c *conn, m moment) {
	if !c.held() {
		return
	}
	sw.answer = false
	if c.rc != nil {
		_ = c.rc.Control(sw.lookFn)
	}
	if sw.answer {
		c.abandon(m)
	}
}
