package front

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// held is a backend connection that notes that it was abandoned.
type held struct {
	times atomic.Int32
	once  chan struct{}
}

func newHeld() *held { return &held{once: make(chan struct{}, 1)} }

func (h *held) Abandon() {
	h.times.Add(1)
	select {
	case h.once <- struct{}{}:
	default:
	}
}

const short = 60 * time.Millisecond // with it the sweeper looks every 7 ms

func quick(o *Options) { o.ClientTimeout, o.IdleTimeout = patience, short }

func TestAClientThatLeavesAbandonsTheExchangeWithTheBackend(t *testing.T) {
	const (
		plain   = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
		upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
	)
	check := func(how, request string, leave func(c *client)) {
		t.Run(how, func(t *testing.T) {
			h := newHeld()
			looked := make(chan struct{}, 1)
			f := start(t, func(x *Exchange) {
				x.Hold(h)
				if x.Left() {
					t.Error("left before it did")
				}
				looked <- struct{}{}
				<-h.once
				if !x.Left() {
					t.Error("abandoned, but not seen to have left")
				}
				late := newHeld()
				x.Hold(late)
				if late.times.Load() != 1 {
					t.Error("another connection held after that is not abandoned")
				}
				x.Hold(nil)
				reply(x, "too late")
			}, quick)
			c := f.dial(t)
			c.send(request)
			eventually(t, "it is served", func() bool { return len(looked) == 1 })
			leave(c)
			eventually(t, "the connection is gone", func() bool { return f.Stats().Active == 0 })
			if n := h.times.Load(); n != 1 {
				t.Errorf("abandoned %d times", n)
			}
			if got, _ := io.ReadAll(c); len(got) > 0 {
				t.Errorf("it still got %q", got)
			}
		})
	}
	reset := func(c *client) { c.cut() }
	fin := func(c *client) { _ = c.Close() }
	half := func(c *client) { _ = c.CloseWrite() }
	check("by closing", plain, fin)
	check("by a reset", plain, reset)
	check("by closing its side", plain, half) // as nginx
	check("behind a pipelined request", plain+plain+strings.Repeat("x", 100_000), half)
	check("from outside of the callback", upgrade, fin)
}

func TestAClientThatStaysIsNotAbandoned(t *testing.T) {
	h := newHeld()
	f := start(t, func(x *Exchange) {
		x.Hold(h)
		tick := x.c.s.now()
		eventually(t, "the sweeper has looked", func() bool { return x.c.s.now() > tick+10 })
		x.Hold(nil)
		echo(x)
	}, quick)
	for range 3 {
		c := f.dial(t) // anew: a kept one is idle too soon for a busy machine
		c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		c.expect(200, "GET /  ")
	}
	if h.times.Load() > 0 {
		t.Error("abandoned")
	}
}

func TestAfterHoldNilNothingIsAbandoned(t *testing.T) {
	h := newHeld()
	f := start(t, func(x *Exchange) {
		x.Hold(h)
		x.Hold(nil)
		eventually(t, "the client is gone", func() bool {
			gone := false
			_ = x.c.rc.Control(func(fd uintptr) { gone = hungUp(fd) })
			return gone
		})
		tick := x.c.s.now()
		eventually(t, "the sweeper has looked", func() bool { return x.c.s.now() > tick+10 })
		reply(x, "")
	}, quick)
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = c.CloseWrite()
	c.expect(200, "")
	if h.times.Load() > 0 {
		t.Error("abandoned")
	}
}

func TestARequestAndItsFINInOneSegmentAreServedAndClosed(t *testing.T) {
	f := startStill(t, echo)
	f.sweeper.client, f.sweeper.idle = 1<<32, 1<<32 // nothing else ends them
	check := func(how, request, answer string) {
		t.Run(how, func(t *testing.T) {
			for range 10 {
				c := f.dial(t)
				// both are in the socket before it is looked at, most of the time
				c.send(request)
				_ = c.CloseWrite()
				if answer != "" {
					c.expect(200, answer)
				}
				eventually(t, "the end is seen", func() bool {
					f.pass(1) // now and then it has to be looked for
					return f.Stats().Active == 0
				})
				c.expectEnd()
			}
		})
	}
	check("a request", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a  ")
	check("part of a head", "GET /a HTTP/1.1\r\nHo", "")
	check("part of a body", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab", "")
	check("nothing", "", "")
}

func TestRequestsThatComeAsTheSweeperGivesTheirConnectionUpAreAllServed(t *testing.T) {
	plainOnly(t)
	if !rawIO {
		t.Skip("without the callback only silence is given up, not a FIN that is seen")
	}
	const request = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
	f := startStill(t, echo)
	check := func(how string, p phase, before func(c *client)) {
		t.Run(how, func(t *testing.T) {
			c := f.dial(t)
			before(c)
			f.noted(t, p)
			all := f.conns()
			all[0].phase.mark(all[0].phase.load(), late) // and the cut is yet to come
			c.send(request + request)
			_ = c.CloseWrite()
			c.expect(200, "GET /a  ")
			c.expect(200, "GET /a  ")
			eventually(t, "the end is seen", func() bool {
				f.pass(1) // now and then it has to be looked for
				return f.Stats().Active == 0
			})
			c.expectEnd()
		})
	}
	check("before the first", fresh, func(*client) {})
	check("between two", idle, func(c *client) {
		c.send(request)
		c.expect(200, "GET /a  ")
	})
}
