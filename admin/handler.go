package admin

import (
	"bytes"
	"errors"
	"net"
	"runtime/debug"
	"strings"

	"github.com/valyala/fasthttp"
)

// resource is what a path names. A nil method is not allowed on it.
type resource struct {
	get     func(ctx *fasthttp.RequestCtx, arg string) // HEAD, too
	post    func(ctx *fasthttp.RequestCtx, arg string) // changes something, as does delete
	delete  func(ctx *fasthttp.RequestCtx, arg string)
	profile bool // get needs the rights of a profile
}

// method returns what serves it, nil if nothing does.
func (r *resource) method(name string) func(ctx *fasthttp.RequestCtx, arg string) {
	switch name {
	case "GET", "HEAD":
		return r.get
	case "POST":
		return r.post
	case "DELETE":
		return r.delete
	}
	return nil
}

// allow is r's Allow field.
func (r *resource) allow() string {
	var all []string
	if r.get != nil {
		all = append(all, "GET", "HEAD")
	}
	if r.post != nil {
		all = append(all, "POST")
	}
	if r.delete != nil {
		all = append(all, "DELETE")
	}
	return strings.Join(all, ", ")
}

// exact is every resource whose path has no argument.
func (s *Server) exact() map[string]*resource {
	return map[string]*resource{
		"/-/":           {get: s.index},
		"/-/healthy":    {get: s.healthy},
		"/-/ready":      {get: s.ready},
		"/-/status":     {get: s.status},
		"/-/writes":     {get: s.writes},
		"/metrics":      {get: s.metrics},
		"/nginx_status": {get: s.nginxStatus},
		"/debug/pprof/": {get: s.profiles, profile: true},
		"/debug/pprof":  {get: s.profiles, profile: true},
	}
}

// find returns the resource at a path and its argument, nil if there is none. The path is
// compared as it came: none of ours needs decoding but for the argument.
func (s *Server) find(path string) (r *resource, arg string) {
	if r := s.resources[path]; r != nil {
		return r, ""
	}
	if rest, ok := strings.CutPrefix(path, "/-/writes/"); ok {
		id, action, sub := strings.Cut(rest, "/")
		switch {
		case !isID(id):
			return nil, ""
		case !sub:
			return &resource{get: s.write, delete: s.drop}, id
		case action == "retry":
			return &resource{post: s.retry}, id
		}
		return nil, ""
	}
	if rest, ok := strings.CutPrefix(path, "/-/backends/"); ok {
		name, action, _ := strings.Cut(rest, "/")
		switch action {
		case "drain":
			return &resource{post: s.drain}, name
		case "hold":
			return &resource{post: s.hold}, name
		case "resume":
			return &resource{post: s.resume}, name
		case "forget":
			return &resource{post: s.forget}, name
		}
		return nil, ""
	}
	if name, ok := strings.CutPrefix(path, "/debug/pprof/"); ok && isProfile(name) {
		return &resource{get: s.profile, profile: true}, name
	}
	return nil, ""
}

// isID tells whether s is 128 bits in hex as we write them.
func isID(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}

// framed tells whether h may announce a body. fasthttp does not read one whose coding is
// identity and would take it for the next request, somebody else's behind a proxy. This looks
// at the bytes as they came, since fasthttp drops what it overrules.
func framed(h *fasthttp.RequestHeader) bool {
	raw := bytes.ToLower(h.RawHeaders())
	return bytes.Contains(raw, []byte("content-length")) || bytes.Contains(raw, []byte("transfer-encoding"))
}

// handle answers one request.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	defer s.survive(ctx)
	h := &ctx.Request.Header
	method := string(h.Method())
	if framed(h) {
		ctx.SetConnectionClose()
	}
	if p := s.guard.addressed(ctx); p != nil {
		refuse(ctx, p)
		return
	}
	target := string(h.RequestURI())
	path, _, _ := strings.Cut(target, "?")
	r, arg := s.find(path)
	if r == nil {
		if method == "CONNECT" {
			refuse(ctx, &problem{Status: 405, Detail: "This is no proxy.", allow: "GET, HEAD, POST, DELETE"})
			return
		}
		refuse(ctx, &problem{Status: 404, Detail: "There is nothing here; /-/ lists what there is."})
		return
	}
	serve := r.method(method)
	if serve == nil {
		refuse(ctx, &problem{Status: 405, Detail: "This takes " + r.allow() + ".", allow: r.allow()})
		return
	}
	if p := s.rights(ctx, r, method); p != nil {
		s.log.warn("refused " + method + " " + path + " of " + ctx.RemoteAddr().String() + ": " + p.Detail)
		refuse(ctx, p)
		return
	}
	serve(ctx, arg)
	if s.stopped() { // perhaps while it was served
		ctx.SetConnectionClose()
	}
}

func (s *Server) rights(ctx *fasthttp.RequestCtx, r *resource, method string) *problem {
	switch {
	case method != "GET" && method != "HEAD":
		return s.guard.mayChange(ctx)
	case r.profile:
		return s.guard.mayProfile(ctx)
	}
	return nil
}

// survive keeps a mistake in a page from ending the proxy, as net/http does: fasthttp would
// let the process die.
func (s *Server) survive(ctx *fasthttp.RequestCtx) {
	if v := recover(); v != nil {
		s.o.Log.Error("cannot serve an admin page", "panic", v, "stack", string(debug.Stack()))
		ctx.SetConnectionClose()
		refuse(ctx, &problem{Status: 500, Detail: "This page failed; the log says more."})
	}
}

// unreadable answers what fasthttp could not read. It closes the connection then.
func (s *Server) unreadable(ctx *fasthttp.RequestCtx, err error) {
	var (
		small *fasthttp.ErrSmallBuffer
		slow  net.Error
	)
	p := &problem{Status: 400, Detail: "The request is malformed."}
	switch {
	case errors.As(err, &small):
		p = &problem{Status: 431, Detail: "The header is larger than 16 KiB."}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		p = &problem{Status: 413, Detail: "The body is larger than 64 KiB."}
	case errors.As(err, &slow) && slow.Timeout():
		p = &problem{Status: 408, Detail: "The request took longer than 10 s."}
	}
	refuse(ctx, p)
}
