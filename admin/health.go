package admin

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"

	"tutti/backend"
	"tutti/metrics"
)

const textPlain = "text/plain; charset=utf-8"

// index lists what is here.
func (s *Server) index(ctx *fasthttp.RequestCtx, _ string) {
	reply(ctx, 200, textPlain, []byte(strings.TrimLeft(`
tutti `+s.o.Version+`

GET    /                              the status page, for a browser
GET    /-/healthy                     the process serves
GET    /-/ready                       200, or 503 while stopping or without a live backend
GET    /-/status                      state of backends and writes, JSON; ?history_after=0 with the last three minutes
GET    /-/writes                      writes, JSON; ?state=pending|parked|settled&backend=host:port&limit=100&after=sequence
GET    /-/writes/{id}                 one write, JSON
POST   /-/writes/{id}/retry           take up its parked deliveries again *
DELETE /-/writes/{id}                 give up what of it is not delivered *
POST   /-/backends/{name}/drain       no reads to it, writes go on *
POST   /-/backends/{name}/hold        no reads to it, and writes are owed to it but not sent *
POST   /-/backends/{name}/resume      end of drain, of hold and of an ejection *
POST   /-/backends/{name}/forget      drop what it is owed *
GET    /metrics                       Prometheus
GET    /nginx_status                  as nginx's stub_status
GET    /debug/pprof/                  profiles

* needs the header Tutti-Admin: 1. These and the profiles need the bearer token where there is one.
`, "\n")))
}

func (s *Server) healthy(ctx *fasthttp.RequestCtx, _ string) {
	reply(ctx, 200, textPlain, []byte("healthy\n"))
}

func (s *Server) ready(ctx *fasthttp.RequestCtx, _ string) {
	if why := s.unready(); why != "" {
		refuse(ctx, &problem{Status: 503, Detail: why})
		return
	}
	reply(ctx, 200, textPlain, []byte("ready\n"))
}

// unready says why no traffic should be sent here, "" if it should.
func (s *Server) unready() string {
	if s.o.Stopping() {
		return "Tutti is stopping."
	}
	for _, b := range s.o.Backends {
		if state, _ := b.State(); state == backend.Live {
			return ""
		}
	}
	return "No backend is live."
}

func (s *Server) metrics(ctx *fasthttp.RequestCtx, _ string) {
	var out bytes.Buffer
	s.o.Metrics.WritePrometheus(&out)
	reply(ctx, 200, metrics.ContentType, out.Bytes())
}

func (s *Server) nginxStatus(ctx *fasthttp.RequestCtx, _ string) {
	reply(ctx, 200, "text/plain", AppendNginxStatus(nil, s.o.Front()))
}
