package backend

import (
	"slices"
	"sync"
	"time"

	"tutti/clock"
)

// pool is a backend's connections. A slot is the right to hold one: dialing, in use or idle.
// The lock is never held across I/O.
type pool struct {
	max  int
	half int // what writes, and what uploads may hold
	most int // what both together may hold

	mu      sync.Mutex
	idle    []*Conn // the last one used is on top; the oldest is at the bottom
	conns   []*Conn // all that are connected
	slots   int
	held    [uses]int // slots in use, by what for; reads are not counted
	queues  [uses]queue
	tickets uint64
	hurried bool // nobody waits any more
	closed  bool

	spare sync.Pool // of *waiter
}

// init makes the shares of conns connections.
func (p *pool) init(conns int) {
	p.max, p.half, p.most = conns, max(1, conns/2), conns-conns/4
}

// may tells whether u may hold one more connection.
func (p *pool) may(u Use) bool {
	return u == ForRead || p.held[u] < p.half && p.held[ForWrite]+p.held[ForUpload] < p.most
}

// hold counts a slot that is in use for u from now on.
func (p *pool) hold(u Use) {
	if u != ForRead {
		p.held[u]++
	}
}

// release is hold undone.
func (p *pool) release(u Use) {
	if u != ForRead {
		p.held[u]--
	}
}

// grant is what a claim gets: a connection, or else the right to dial one if dial is set.
type grant struct {
	c    *Conn
	dial bool
}

// take grants an idle connection or a slot, neither when there is none. fresh: not an idle
// connection; evict is then one to close, whose slot was taken over.
func (p *pool) take(u Use, fresh bool) (g grant, evict *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.grab(u, fresh)
}

// idleOne grants an idle connection or nil.
func (p *pool) idleOne(u Use) *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 || p.closed || !p.may(u) {
		return nil
	}
	return p.pop(u)
}

// grab is take under the lock.
func (p *pool) grab(u Use, fresh bool) (g grant, evict *Conn) {
	if p.closed || !p.may(u) {
		return grant{}, nil
	}
	switch {
	case len(p.idle) > 0 && !fresh:
		return grant{c: p.pop(u)}, nil
	case p.slots < p.max:
		p.slots++
	case len(p.idle) > 0:
		evict = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		p.forget(evict)
	default:
		return grant{}, nil
	}
	p.hold(u)
	return grant{dial: true}, evict
}

// pop claims the idle connection used last.
func (p *pool) pop(u Use) *Conn {
	top := len(p.idle) - 1
	c := p.idle[top]
	p.idle[top] = nil
	p.idle = p.idle[:top]
	p.hold(u)
	c.claim(u)
	return c
}

// wait queues for a grant, at most d.
func (p *pool) wait(u Use, d time.Duration) grant {
	if d <= 0 {
		return grant{}
	}
	p.mu.Lock()
	if g, _ := p.grab(u, false); g.c != nil || g.dial || p.hurried {
		p.mu.Unlock()
		return g
	}
	w := p.waiter(u, d)
	p.tickets++
	w.ticket = p.tickets
	q := &p.queues[u]
	q.push(w)
	p.mu.Unlock()

	g := p.await(q, w)
	w.timer.Stop()
	p.spare.Put(w)
	return g
}

// await blocks until w is granted something or its time is up.
func (p *pool) await(q *queue, w *waiter) grant {
	select {
	case g := <-w.granted:
		return g
	case <-w.timer.C:
	}
	p.mu.Lock()
	waiting := q.remove(w)
	p.mu.Unlock()
	if waiting {
		return grant{}
	}
	return <-w.granted
}

// serve grants what is free to those who wait, first come first served among those who may have it.
func (p *pool) serve() {
	for {
		var w *waiter
		for u := range uses {
			if f := p.queues[u].first; f != nil && p.may(u) && (w == nil || f.ticket < w.ticket) {
				w = f
			}
		}
		if w == nil {
			return
		}
		g, _ := p.grab(w.use, false)
		if g.c == nil && !g.dial {
			return
		}
		p.queues[w.use].remove(w)
		w.granted <- g
	}
}

// connected makes c, just dialled, one of the pool's and claims it.
func (p *pool) connected(c *Conn, u Use) {
	p.mu.Lock()
	c.slot = len(p.conns)
	p.conns = append(p.conns, c)
	c.claim(u)
	closed := p.closed
	p.mu.Unlock()
	if closed {
		c.Abandon()
	}
}

// vacate gives a slot back that has no connection.
func (p *pool) vacate(u Use) {
	p.mu.Lock()
	p.free(u)
	p.mu.Unlock()
}

// free is vacate under the lock.
func (p *pool) free(u Use) {
	p.release(u)
	p.slots--
	p.serve()
}

// keep takes a connection back after a claim.
func (p *pool) keep(c *Conn) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.drop(c)
		return
	}
	p.release(c.use)
	c.idleSince = clock.Now()
	p.idle = append(p.idle, c)
	if p.waiting() > 0 {
		p.serve()
	}
	p.mu.Unlock()
}

// change has a claimed connection count as in use for u.
func (p *pool) change(c *Conn, u Use) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release(c.use)
	c.use = u
	p.hold(u)
	p.serve()
}

// waiting is how many claims are queued.
func (p *pool) waiting() (n int) {
	for u := range p.queues {
		n += p.queues[u].n
	}
	return n
}

// drop closes a connection at the end of a claim, and frees its slot then.
func (p *pool) drop(c *Conn) {
	_ = c.nc.Close()
	p.mu.Lock()
	p.forget(c)
	p.free(c.use)
	p.mu.Unlock()
}

// replace closes a claimed connection but keeps its slot for the claimer to dial in.
func (p *pool) replace(c *Conn) {
	_ = c.nc.Close()
	p.mu.Lock()
	p.forget(c)
	p.mu.Unlock()
}

// forget takes c out of conns.
func (p *pool) forget(c *Conn) {
	last := len(p.conns) - 1
	p.conns[c.slot] = p.conns[last]
	p.conns[c.slot].slot = c.slot
	p.conns[last] = nil
	p.conns = p.conns[:last]
}

// expire takes out the idle connections that nobody has used since before, appending them to old.
// next is when the oldest one left was given back, 0 when none is.
func (p *pool) expire(before int64, old []*Conn) (_ []*Conn, next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && p.idle[n].idleSince <= before {
		n++
	}
	for _, c := range p.idle[:n] {
		p.forget(c)
		old = append(old, c)
	}
	p.slots -= n
	left := copy(p.idle, p.idle[n:])
	clear(p.idle[left:])
	p.idle = p.idle[:left]
	if left > 0 {
		next = p.idle[0].idleSince
	}
	return old, next
}

// all appends every connection.
func (p *pool) all(dst []*Conn) []*Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(dst, p.conns...)
}

// stats counts.
func (p *pool) stats() (idle, active, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle), p.slots - len(p.idle), p.waiting()
}

// close refuses every claim from now on and gives up the idle connections, for the caller to close.
func (p *pool) close() []*Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	old := p.idle
	p.idle = nil
	p.slots -= len(old)
	for _, c := range old {
		p.forget(c)
	}
	p.turnAway()
	return old
}

// dismiss gives nothing to those who wait, and has nobody wait from now on.
func (p *pool) dismiss() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turnAway()
}

// turnAway is dismiss under the lock.
func (p *pool) turnAway() {
	p.hurried = true
	for u := range p.queues {
		q := &p.queues[u]
		for q.first != nil {
			w := q.first
			q.remove(w)
			w.granted <- grant{}
		}
	}
}
