package demo

import (
	"bytes"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// Fault is a way for a server to fail. SetFault puts one on.
type Fault interface {
	// serve answers ctx, or not, in place of the server. wait returns when the fault is lifted or
	// the server stops.
	serve(s *Server, ctx *fasthttp.RequestCtx, w waiter)
}

// Slow answers right, after a while.
type Slow struct{ For time.Duration }

// Fail5xx answers every request with a server error and applies no write.
type Fail5xx struct {
	Status     int // 0: 500
	RetryAfter int // seconds; 0: no such field
}

// Hang takes requests and answers none, until it is lifted or the server stops: then the
// connection is closed. With Apply set the write is applied first.
type Hang struct{ Apply bool }

// Reset answers with a connection reset. With Apply set the write is applied first.
type Reset struct{ Apply bool }

// CloseMidBody sends a whole head and half of the body it promises, and closes. The write is
// applied.
type CloseMidBody struct{}

// faulty is a fault while it is on.
type faulty struct {
	Fault
	lifted chan struct{}
}

// waiter ends when a fault does.
type waiter struct{ stop, lifted <-chan struct{} }

func (w waiter) wait() {
	select {
	case <-w.stop:
	case <-w.lifted:
	}
}

// waitFor waits at most d.
func (w waiter) waitFor(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.stop:
	case <-w.lifted:
	}
}

// SetFault makes the server fail from now on; nil ends it. Requests held by the fault before
// go on.
func (s *Server) SetFault(f Fault) {
	var next *faulty
	if f != nil {
		next = &faulty{f, make(chan struct{})}
	}
	if last := s.fault.Swap(next); last != nil {
		close(last.lifted)
	}
}

func (f Slow) serve(s *Server, ctx *fasthttp.RequestCtx, w waiter) {
	w.waitFor(f.For)
	s.answer(ctx)
}

func (f Fail5xx) serve(s *Server, ctx *fasthttp.RequestCtx, _ waiter) {
	status := f.Status
	if status == 0 {
		status = fasthttp.StatusInternalServerError
	}
	ctx.SetStatusCode(status)
	if f.RetryAfter > 0 {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(f.RetryAfter))
	}
	ctx.SetBodyString("failed by " + s.name + "\n")
}

func (f Hang) serve(s *Server, ctx *fasthttp.RequestCtx, w waiter) {
	if f.Apply {
		s.answer(ctx)
	}
	w.wait()
	drop(ctx)
}

func (f Reset) serve(s *Server, ctx *fasthttp.RequestCtx, _ waiter) {
	if f.Apply {
		s.answer(ctx)
	}
	drop(ctx)
}

// drop resets the connection; the answer in ctx goes nowhere.
func drop(ctx *fasthttp.RequestCtx) {
	ctx.SetConnectionClose()
	reset(ctx.Conn())
}

func (CloseMidBody) serve(s *Server, ctx *fasthttp.RequestCtx, _ waiter) {
	s.answer(ctx)
	var whole bytes.Buffer
	if _, err := ctx.Response.WriteTo(&whole); err == nil {
		body := len(ctx.Response.Body())
		_, _ = ctx.Conn().Write(whole.Bytes()[:whole.Len()-(body+1)/2]) // the peer may be gone
	}
	ctx.SetConnectionClose()
	ctx.Conn().Close()
}
