package admin

import (
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"tutti/backend"
	"tutti/fanout"
)

func (s *Server) drain(ctx *fasthttp.RequestCtx, name string) {
	s.change(ctx, name, "drain", backend.ModeDrained, Backend.Drain)
}

func (s *Server) hold(ctx *fasthttp.RequestCtx, name string) {
	s.change(ctx, name, "hold", backend.ModeHeld, Backend.Hold)
}

func (s *Server) resume(ctx *fasthttp.RequestCtx, name string) {
	s.change(ctx, name, "resume", backend.ModeServing, Backend.Resume)
}

// change does something that sets the mode of the backend that name, percent-encoded or not,
// names, and answers with its state afterwards. Doing it twice does no harm.
func (s *Server) change(ctx *fasthttp.RequestCtx, name, what string, m backend.Mode, do func(Backend)) {
	i, ok := s.named(ctx, name)
	if !ok {
		return
	}
	b := s.o.Backends[i]
	if err := s.setMode(i, m, do); err != nil {
		s.o.Log.Error("cannot keep what an operator wants", "did", what, "backend", b.Name(), "error", err)
		refuse(ctx, &problem{Status: 500, Detail: "This can't be kept over a restart, so nothing was changed; the log says more."})
		return
	}
	s.o.Log.Info("operator", "did", what, "backend", b.Name(), "from", ctx.RemoteAddr().String())
	replyJSON(ctx, describe(b, owedTo(s.o.Writes.Snapshot(), i), s.sampler.latest().backends[i]))
}

// setMode remembers the i-th backend's mode and then sets it, one operator after the other, so
// that what is remembered is what is.
func (s *Server) setMode(i int, m backend.Mode, do func(Backend)) error {
	s.modes.Lock()
	defer s.modes.Unlock()
	if s.o.Remember != nil {
		if err := s.o.Remember(i, m); err != nil {
			return err
		}
	}
	do(s.o.Backends[i])
	return nil
}

// forgotten is what forget answers.
type forgotten struct {
	fanout.Forgotten
	Backend backendStatus `json:"backend"`
}

// forget drops what a backend is owed.
func (s *Server) forget(ctx *fasthttp.RequestCtx, name string) {
	i, ok := s.named(ctx, name)
	if !ok {
		return
	}
	b := s.o.Backends[i]
	got, err := s.o.Writes.Forget(b.Name())
	s.o.Log.Info("operator", "did", "forget", "backend", b.Name(), "dropped", got.Dropped, "sending", got.Sending,
		"from", ctx.RemoteAddr().String())
	if err != nil {
		s.o.Log.Error("cannot forget all a backend is owed", "backend", b.Name(), "error", err)
		refuse(ctx, &problem{Status: 500, Detail: "Not all could be dropped; the log says more."})
		return
	}
	replyJSON(ctx, forgotten{got, describe(b, owedTo(s.o.Writes.Snapshot(), i), s.sampler.latest().backends[i])})
}

// named is the index of the backend of that name; if there is none it has answered so.
func (s *Server) named(ctx *fasthttp.RequestCtx, name string) (index int, ok bool) {
	if index, ok = s.backend(name); !ok {
		refuse(ctx, &problem{Status: 404, Detail: "No such backend; there are " + s.names() + "."})
	}
	return index, ok
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
