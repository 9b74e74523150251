package admin

import (
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"
)

func (s *Server) drain(ctx *fasthttp.RequestCtx, name string) {
	s.change(ctx, name, "drain", Backend.Drain)
}

func (s *Server) resume(ctx *fasthttp.RequestCtx, name string) {
	s.change(ctx, name, "resume", Backend.Resume)
}

// change does something to the backend that name, percent-encoded or not, names, and answers
// with its state afterwards. Doing it twice does no harm.
func (s *Server) change(ctx *fasthttp.RequestCtx, name, what string, do func(Backend)) {
	i, ok := s.backend(name)
	if !ok {
		refuse(ctx, &problem{Status: 404, Detail: "No such backend; there are " + s.names() + "."})
		return
	}
	b := s.o.Backends[i]
	do(b)
	s.o.Log.Info("operator", "did", what, "backend", b.Name(), "from", ctx.RemoteAddr().String())
	replyJSON(ctx, describe(b, owedTo(s.o.Writes.Snapshot(), i), s.sampler.latest().backends[i]))
}

func (s *Server) backend(name string) (index int, ok bool) {
	name, err := url.PathUnescape(name)
	if err != nil {
		return 0, false
	}
	for i, b := range s.o.Backends {
		if b.Name() == name {
			return i, true
		}
	}
	return 0, false
}

// names lists the backends.
func (s *Server) names() string {
	all := make([]string, len(s.o.Backends))
	for i, b := range s.o.Backends {
		all[i] = b.Name()
	}
	return strings.Join(all, ", ")
}
