package main

import (
	"bytes"

	"tutti/admin"
	"tutti/answer"
	"tutti/clock"
	"tutti/fanout"
	"tutti/front"
	"tutti/metrics"
	"tutti/proxy"
	"tutti/route"
	"tutti/wire"
)

// router decides where a request goes. It is the front's handler.
type router struct {
	table     *route.Table
	balancer  *proxy.Balancer
	fanout    *fanout.Fanout
	metrics   *metrics.Set
	stats     func() front.Stats
	pseudonym string
	expose    exposure
}

// exposure says who may read /metrics and /nginx_status on --listen.
type exposure uint8

const (
	exposeLocal exposure = iota
	exposeAll
	exposeOff
)

func exposureOf(flag string) exposure {
	switch flag {
	case "all":
		return exposeAll
	case "off":
		return exposeOff
	}
	return exposeLocal
}

// Refuse counts what the front answered itself.
func (r *router) Refuse(status int) { r.metrics.Refused(status) }

// Serve answers one request: what is never forwarded first, then our own pages, then by route.
func (r *router) Serve(x *front.Exchange) {
	if r.denied(x) || r.own(x) {
		return
	}
	kind, up := r.table.Lookup(x.Req.Method, x.Req.Path, x.Up[:0])
	x.Up = up
	switch kind {
	case route.Balance:
		m := r.metrics.Balance()
		m.Begin()
		x.Trace.Route = "balance"
		r.balance(x)
		m.Done(x.Status, clock.Now()-x.Start)
	case route.Fanout:
		m := r.metrics.Fanout()
		m.Begin()
		x.Trace.Route = "fanout"
		r.fanout.Serve(x)
		m.Done(x.Status, clock.Now()-x.Start)
	case route.None:
		r.refuse(x, answer.Problem{Status: 404, Error: "http_request_denied", Detail: "No route takes this method and path."})
	}
}

// balance has one backend answer, and notes how long that took if anybody wants to know.
func (r *router) balance(x *front.Exchange) {
	if !x.Traced() {
		r.balancer.Serve(x)
		return
	}
	start := clock.Now()
	r.balancer.Serve(x)
	x.Trace.Upstream = clock.Now() - start
}

// denied answers CONNECT and TRACE, whatever their path (RFC 9110 §9.3.6, §9.3.8), and
// requests that have passed through this process before (RFC 9110 §7.6.3).
func (r *router) denied(x *front.Exchange) bool {
	switch string(x.Req.Method) {
	case "CONNECT", "TRACE":
		x.CloseAfter()
		r.refuse(x, answer.Problem{
			Status: 405, Error: "http_request_denied", Allow: "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
			Detail: "CONNECT and TRACE are never forwarded.",
		})
		return true
	}
	if x.Req.Has(wire.Via) && x.Req.Loops(r.pseudonym) {
		r.refuse(x, answer.Problem{
			Status: 508, Error: "proxy_loop_detected", Detail: "This request has passed through this proxy before.",
		})
		return true
	}
	return false
}

var (
	pathMetrics = []byte("/metrics")
	pathStatus  = []byte("/nginx_status")
	pathWrites  = []byte("/-/writes/")
)

// own answers the pages Tutti itself has on the clients' listener.
func (r *router) own(x *front.Exchange) bool {
	path := x.Req.Path
	if len(path) < len(pathMetrics) || (path[1] != 'm' && path[1] != 'n' && path[1] != '-') {
		return false
	}
	if m := string(x.Req.Method); m != "GET" && m != "HEAD" {
		return false
	}
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		path = path[:i]
	}
	switch {
	case bytes.HasPrefix(path, pathWrites):
		x.Trace.Route = "own"
		r.fanout.Page(x, string(path[len(pathWrites):]))
		return true
	case r.expose == exposeOff:
		return false
	case bytes.Equal(path, pathMetrics):
		r.exposed(x, "text/plain; version=0.0.4; charset=utf-8", func(b *bytes.Buffer) { r.metrics.WritePrometheus(b) })
		return true
	case bytes.Equal(path, pathStatus):
		r.exposed(x, "text/plain", func(b *bytes.Buffer) { b.Write(admin.AppendNginxStatus(nil, r.stats())) })
		return true
	}
	return false
}

// exposed answers with a page for those who may read it: by default only clients on this
// machine that did not come through another proxy.
func (r *router) exposed(x *front.Exchange, contentType string, write func(*bytes.Buffer)) {
	if r.expose == exposeLocal && (!x.Loopback() || x.Req.Has(wire.Forwarding) || x.Req.Has(wire.Via)) {
		r.refuse(x, answer.Problem{
			Status: 403, Error: "http_request_denied",
			Detail: "Only direct clients on this machine may read this here; see --expose-metrics.",
		})
		return
	}
	var page bytes.Buffer
	write(&page)
	x.Trace.Route = "own"
	x.Status = 200
	x.Out = answer.AppendPage(x.Out, 200, contentType, page.Bytes(), reply(x))
}

func (r *router) refuse(x *front.Exchange, p answer.Problem) {
	r.metrics.Refused(p.Status)
	x.Trace.Route = "refused"
	x.Status = p.Status
	x.Out = answer.Append(x.Out, &p, reply(x))
}

func reply(x *front.Exchange) answer.Reply {
	return answer.Reply{Head: string(x.Req.Method) == "HEAD", KeepAlive: x.KeepAlive(), Minor: x.Req.Minor}
}
