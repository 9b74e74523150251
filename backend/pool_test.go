package backend

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tutti/wire"
)

func TestConnectionsAreBoundedAndWritesHoldAtMostHalf(t *testing.T) {
	for _, c := range []struct{ max, writes int }{{1, 1}, {2, 1}, {5, 2}, {8, 4}} {
		b := newBackend(t, newFake(t, ok).name(), func(o *Options) { o.MaxConns = c.max })
		var held []*Conn
		for {
			w, err := b.Acquire(ForWrite, 0)
			if err != nil {
				if err != ErrBusy {
					t.Error(err)
				}
				break
			}
			held = append(held, w)
		}
		if len(held) != c.writes {
			t.Errorf("writes hold %d of %d, want %d", len(held), c.max, c.writes)
		}
		for {
			r, err := b.Acquire(ForRead, 0)
			if err != nil {
				break
			}
			held = append(held, r)
		}
		if len(held) != c.max || b.Stats().Active != c.max {
			t.Errorf("%d connections, %+v, want %d", len(held), b.Stats(), c.max)
		}
		for _, h := range held {
			h.Close()
		}
		if s := b.Stats(); s != (Stats{}) {
			t.Errorf("left over: %+v", s)
		}
	}
}

func TestIdleConnectionsHonourTheWritesHalf(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), func(o *Options) { o.MaxConns = 4 })
	idleConns(t, b, 4)
	one, two := b.Idle(ForWrite), b.Idle(ForWrite)
	if one == nil || two == nil || b.Idle(ForWrite) != nil {
		t.Error("writes do not get exactly half")
	}
	three := b.Idle(ForRead)
	if three == nil {
		t.Error("a read gets none of the rest")
	}
	for _, c := range []*Conn{one, two, three} {
		c.Close()
	}
	if c := b.Idle(ForWrite); c == nil {
		t.Error("the half is not free again")
	} else {
		c.Close()
	}
	if b.Idle(ForRead) != nil {
		t.Error("a fifth connection")
	}
}

func TestTheConnectionUsedLastIsUsedNext(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), nil)
	idleConns(t, b, 3)
	last := b.pool.idle[2]
	c := b.Idle(ForRead)
	if c != last {
		t.Error("it was another one")
	}
	c.Close()
}

// waiters starts n claims, one after the other, and returns the order they are served in.
func waiters(t *testing.T, b *Backend, n int, use func(i int) Use) (order func() []int, wait func()) {
	t.Helper()
	var mu sync.Mutex
	var served []int
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			c, err := b.Acquire(use(i), time.Minute)
			if err != nil {
				t.Error(i, err)
				return
			}
			mu.Lock()
			served = append(served, i)
			mu.Unlock()
			var resp wire.Response
			if err := c.SendReceive([]byte(get), false, &resp); err != nil {
				t.Error(err)
			}
			_, _ = readBody(c)
			c.Release()
		})
		until(t, "it to wait", func() bool { return b.Stats().Waiting == i+1 })
	}
	return func() []int { mu.Lock(); defer mu.Unlock(); return served }, all.Wait
}

func TestWhoWaitsIsServedInTurn(t *testing.T) {
	for name, free := range map[string]func(c *Conn){"with what is released": (*Conn).Release, "with the right to dial": (*Conn).Close} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, newFake(t, ok).name(), func(o *Options) { o.MaxConns = 1 })
			c := acquired(t, b)
			var resp wire.Response
			if err := c.SendReceive([]byte(get), false, &resp); err != nil {
				t.Fatal(err)
			}
			_, _ = readBody(c)
			order, wait := waiters(t, b, 10, func(i int) Use { return Use(i % 2) })
			free(c)
			wait()
			for i, got := range order() {
				if i != got {
					t.Fatalf("served in this order: %v", order())
				}
			}
		})
	}
}

func TestAWriteThatMayNotBeServedDoesNotHoldUpReads(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), func(o *Options) { o.MaxConns = 2 })
	w, err := b.Acquire(ForWrite, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := acquired(t, b)
	order, wait := waiters(t, b, 2, func(i int) Use { return []Use{ForWrite, ForRead}[i] })
	r.Close()
	until(t, "the read", func() bool { return len(order()) == 1 })
	if order()[0] != 1 {
		t.Error("the write was served")
	}
	w.Close()
	wait()
}

func TestWhoWaitsTooLongIsToldSo(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), func(o *Options) { o.MaxConns = 1 })
	c := acquired(t, b)
	took(t, tenth, 2*tenth, func() {
		if _, err := b.Acquire(ForRead, tenth); err != ErrBusy {
			t.Errorf("got %v", err)
		}
	})
	if b.health.failures != 0 || b.Stats().Waiting != 0 {
		t.Error("it counts as a failure, or still waits")
	}
	c.Close()
	acquired(t, b).Close()
}

func TestTheWaitForAFailingDialIsPassedOn(t *testing.T) {
	b := newBackend(t, refusing(t), func(o *Options) { o.MaxConns = 1 })
	var all sync.WaitGroup
	var refused atomic.Int64
	for range 10 {
		all.Go(func() {
			if _, err := b.Acquire(ForRead, 5*time.Second); err == ErrRefused {
				refused.Add(1)
			}
		})
	}
	all.Wait()
	if refused.Load() != 10 || b.Stats() != (Stats{}) {
		t.Errorf("%d were refused, %+v", refused.Load(), b.Stats())
	}
}

func TestIdleConnectionsExpire(t *testing.T) {
	f := newFake(t, ok)
	b := newBackend(t, f.name(), func(o *Options) { o.IdleTimeout = 2 * tenth })
	took(t, tenth, 250*time.Millisecond, func() {
		released(t, b, 5)
		until(t, "the connections to be closed", func() bool { return b.Stats().Idle == 0 && f.conns() == 0 })
	})
	if s := b.Stats(); s != (Stats{}) {
		t.Errorf("left over: %+v", s)
	}
}

func TestIdleConnectionsHoldNoBuffer(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), nil)
	idleConns(t, b, 3)
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	for _, c := range b.pool.idle {
		if c.buf != nil || c.run != nil {
			t.Error("it holds one")
		}
	}
}

func TestAStaleConnectionIsReplacedByAFreshOneThoughAllAreTaken(t *testing.T) {
	// The repeat needs a fresh connection; an idle one makes room for it.
	f := newFake(t, ok, ok, ok, closes, ok)
	b := newBackend(t, f.name(), func(o *Options) { o.MaxConns = 3 })
	idleConns(t, b, 3)
	if status, _, err := do(b, post); status != 200 || err != nil {
		t.Errorf("got %d %v", status, err)
	}
	if s := b.Stats(); s.Idle+s.Active > 3 {
		t.Errorf("%+v", s)
	}
}

func TestClaimsNeverExceedTheBoundUnderLoad(t *testing.T) {
	f := newFake(t, ok, ok, saysThenCloses(ok), ok, closes, ok)
	b := newBackend(t, f.name(), func(o *Options) { o.MaxConns = 4 })
	var most, writes, inUse atomic.Int64
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 50 {
				u := Use(i % 2)
				c, err := b.Acquire(u, 10*time.Second)
				if err != nil {
					t.Error(err)
					return
				}
				if n := inUse.Add(1); n > most.Load() {
					most.Store(n)
				}
				if u == ForWrite {
					if writes.Add(1) > 2 {
						t.Error("writes hold more than half")
					}
				}
				var resp wire.Response
				if c.SendReceive([]byte(get), false, &resp) == nil {
					_, _ = readBody(c)
				}
				if u == ForWrite {
					writes.Add(-1)
				}
				inUse.Add(-1)
				c.Release()
			}
		})
	}
	all.Wait()
	if most.Load() > 4 {
		t.Errorf("%d at once", most.Load())
	}
	if s := b.Stats(); s.Active != 0 || s.Waiting != 0 || s.Idle > 4 || len(b.pool.conns) != s.Idle {
		t.Errorf("afterwards: %+v, %d connections", s, len(b.pool.conns))
	}
}

func TestCloseEndsWhatIsIdleAndWhatWaitsAndWhatLasts(t *testing.T) {
	f := newFake(t, ok, ok, hangs)
	b := newBackend(t, f.name(), func(o *Options) { o.MaxConns = 3 })
	idleConns(t, b, 2)
	busy := b.Idle(ForRead)
	var all sync.WaitGroup
	all.Go(func() {
		var resp wire.Response
		if err := busy.SendReceive([]byte(get), false, &resp); err != ErrAbandoned {
			t.Errorf("what lasted: %v", err)
		}
		busy.Release()
	})
	until(t, "the request", func() bool { return f.requests.Load() == 3 })
	c := acquired(t, b)
	d := acquired(t, b)
	all.Go(func() {
		if _, err := b.Acquire(ForRead, time.Minute); err != ErrBusy {
			t.Errorf("what waited: %v", err)
		}
	})
	until(t, "the wait", func() bool { return b.Stats().Waiting == 1 })
	b.group.Close()
	all.Wait()
	c.Release()
	d.Release()
	if s := b.Stats(); s != (Stats{}) {
		t.Errorf("left over: %+v", s)
	}
	if _, err := b.Acquire(ForRead, tenth); err != ErrBusy {
		t.Errorf("a claim afterwards: %v", err)
	}
	b.group.Close()
}

func TestWhoNeedsAFreshConnectionGetsOneThoughItWaited(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), func(o *Options) { o.MaxConns = 1 })
	idleConns(t, b, 1)
	c := acquired(t, b)
	var resp wire.Response
	if err := c.SendReceive([]byte(get), false, &resp); err != nil {
		t.Fatal(err)
	}
	_, _ = readBody(c)
	var all sync.WaitGroup
	all.Go(func() {
		c, err := b.acquire(ForRead, 5*time.Second, true)
		if err != nil {
			t.Error(err)
			return
		}
		if c.Reused() {
			t.Error("it was used before")
		}
		c.Close()
	})
	until(t, "the wait", func() bool { return b.Stats().Waiting == 1 })
	c.Release()
	all.Wait()
	if s := b.Stats(); s != (Stats{}) {
		t.Errorf("left over: %+v", s)
	}
}

func TestHangUpEndsEveryWaitForAConnection(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), func(o *Options) { o.MaxConns = 1 })
	c := acquired(t, b)
	defer c.Close()
	var all sync.WaitGroup
	for _, u := range []Use{ForRead, ForWrite} {
		all.Go(func() {
			if _, err := b.Acquire(u, time.Hour); err != ErrBusy {
				t.Errorf("got %v", err)
			}
		})
	}
	until(t, "both to wait", func() bool { return b.Stats().Waiting == 2 })
	b.group.HangUp()
	all.Wait()
	if _, err := b.Acquire(ForRead, time.Hour); err != ErrBusy {
		t.Errorf("a later one: %v", err)
	}
}

func TestEachUseHasItsShare(t *testing.T) {
	for conns, want := range map[int]struct{ alone, both int }{1: {1, 1}, 2: {1, 2}, 3: {1, 2}, 4: {2, 3}, 8: {4, 6}, 50: {25, 38}} {
		for _, first := range []Use{ForWrite, ForUpload} {
			b := newBackend(t, newFake(t, ok).name(), func(o *Options) { o.MaxConns = conns })
			var all []*Conn
			fill := func(u Use) (n int) {
				for {
					c, err := b.Acquire(u, 0)
					if err != nil {
						return n
					}
					all = append(all, c)
					n++
				}
			}
			alone := fill(first)
			both := alone + fill(ForWrite+ForUpload-first)
			if alone != want.alone || both != want.both {
				t.Errorf("of %d: %d alone, %d both, not %+v", conns, alone, both, want)
			}
			if n := fill(ForRead); n != conns-both {
				t.Errorf("of %d: %d are left for reads", conns, n)
			}
			for _, c := range all {
				c.Close()
			}
			if b.pool.held != [uses]int{} || b.Stats().Active != 0 {
				t.Errorf("left over: %v, %+v", b.pool.held, b.Stats())
			}
		}
	}
}

func TestAnUploadThatHasEndedMakesRoomForAnother(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), func(o *Options) { o.MaxConns = 4 })
	first, second := acquiredFor(t, b, ForUpload), acquiredFor(t, b, ForUpload)
	var all sync.WaitGroup
	all.Go(func() { acquiredFor(t, b, ForUpload).Close() })
	until(t, "the third to wait", func() bool { return b.Stats().Waiting == 1 })
	first.Uploaded()
	all.Wait()
	first.Close()
	second.Close()
	if b.pool.held != [uses]int{} || b.Stats().Active != 0 {
		t.Errorf("left over: %v, %+v", b.pool.held, b.Stats())
	}
}

// acquiredFor waits for a connection.
func acquiredFor(t *testing.T, b *Backend, u Use) *Conn {
	t.Helper()
	c, err := b.Acquire(u, time.Minute)
	if err != nil {
		t.Error(err)
	}
	return c
}
