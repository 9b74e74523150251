package demo

import (
	"strconv"

	"github.com/valyala/fasthttp"
)

const (
	hint = "a demo backend: GET /login, POST /register and /changePassword (form username, password), GET /state\n"

	maxUsername = 256 // bytes
)

// serve answers one request. stop is closed when the server stops.
func (s *Server) serve(ctx *fasthttp.RequestCtx, stop <-chan struct{}) {
	if f := s.fault.Load(); f != nil {
		f.serve(s, ctx, waiter{stop, f.lifted})
	} else {
		s.answer(ctx)
	}
	if s.latency > 0 {
		waiter{stop: stop}.waitFor(s.latency)
	}
	select {
	case <-stop:
		ctx.SetConnectionClose()
	default:
	}
	if s.log != nil {
		s.log.request(s.name, ctx)
	}
}

// answer decides by path and method.
func (s *Server) answer(ctx *fasthttp.RequestCtx) {
	switch string(ctx.Path()) {
	case "/":
		s.read(ctx, func() { ctx.SetBodyString(hint) })
	case "/login":
		s.read(ctx, func() { ctx.SetBodyString("logged in on " + s.name + "\n") })
	case "/state":
		s.read(ctx, func() { s.stateful(ctx) })
	case "/register":
		s.write(ctx, register)
	case "/changePassword":
		s.write(ctx, changePassword)
	default:
		ctx.SetStatusCode(fasthttp.StatusNotFound)
		ctx.SetBodyString("not found; " + hint)
	}
}

// read answers GET and HEAD.
func (s *Server) read(ctx *fasthttp.RequestCtx, answer func()) {
	if !ctx.IsGet() && !ctx.IsHead() {
		notAllowed(ctx, "GET, HEAD")
		return
	}
	answer()
}

func notAllowed(ctx *fasthttp.RequestCtx, methods string) {
	ctx.SetStatusCode(fasthttp.StatusMethodNotAllowed)
	ctx.Response.Header.Set(fasthttp.HeaderAllow, methods)
	ctx.SetBodyString("only " + methods + "\n")
}

func (s *Server) stateful(ctx *fasthttp.RequestCtx) {
	ctx.SetContentType("application/json")
	ctx.SetBody(s.State().appendJSON(nil))
}

// write applies a POST to the state, unless this server is flaky and drops it.
func (s *Server) write(ctx *fasthttp.RequestCtx, k kind) {
	if !ctx.IsPost() {
		notAllowed(ctx, "POST")
		return
	}
	if s.flaky != nil && s.flaky.drops(ctx.Request.Header.Peek("Idempotency-Key")) {
		ctx.SetStatusCode(fasthttp.StatusInternalServerError)
		ctx.SetBodyString("request dropped by " + s.name + "\n")
		return
	}
	form := ctx.PostArgs()
	if len(ctx.Request.Header.ContentType()) == 0 {
		form.ParseBytes(ctx.PostBody())
	}
	username := form.Peek("username")
	if len(username) == 0 || len(username) > maxUsername {
		ctx.SetStatusCode(fasthttp.StatusBadRequest)
		ctx.SetBodyString("want a form with username, of 1 to " + strconv.Itoa(maxUsername) + " bytes, and password\n")
		return
	}
	sequence, _ := strconv.ParseUint(string(ctx.Request.Header.Peek("Tutti-Sequence")), 10, 64) // 0: in no order
	applied, ok := s.state.apply(ctx.Request.Header.Peek("Idempotency-Key"), sequence, k, username, form.Peek("password"))
	if !ok {
		ctx.SetStatusCode(fasthttp.StatusInsufficientStorage)
		ctx.SetBodyString("no room for another user on " + s.name + "\n")
		return
	}
	ctx.SetStatusCode(fasthttp.StatusCreated)
	ctx.SetBodyString(applied.done() + s.name + "\n")
}
