package admin

import (
	"errors"

	"github.com/valyala/fasthttp"

	"tutti/fanout"
)

// writesPage is the JSON of /-/writes.
type writesPage struct {
	Writes []fanout.View `json:"writes"`         // in the order they were accepted
	Next   string        `json:"next,omitempty"` // the next page's target; left out on the last
}

func (s *Server) writes(ctx *fasthttp.RequestCtx, _ string) {
	f, p := s.filter(ctx)
	if p != nil {
		refuse(ctx, p)
		return
	}
	page := writesPage{Writes: s.o.Writes.List(f)}
	if n := len(page.Writes); n == f.Limit {
		page.Next = next(f, page.Writes[n-1].Sequence)
	} else if n == 0 {
		page.Writes = []fanout.View{} // [], not null
	}
	replyJSON(ctx, page)
}

func (s *Server) write(ctx *fasthttp.RequestCtx, id string) {
	v, ok := s.o.Writes.Lookup(id)
	if !ok {
		unknown(ctx, id)
		return
	}
	replyJSON(ctx, v)
}

func (s *Server) retry(ctx *fasthttp.RequestCtx, id string) {
	q, p := query(ctx, "force")
	switch {
	case p != nil:
	case q["force"] != "" && q["force"] != "0" && q["force"] != "1":
		p = bad("force must be 0 or 1.")
	}
	if p != nil {
		refuse(ctx, p)
		return
	}
	retry := func(id string) error { return s.o.Writes.Retry(id, q["force"] == "1") }
	s.changeWrite(ctx, id, "retry", retry,
		"Nothing of this write can be retried: none of its deliveries is parked.")
}

func (s *Server) drop(ctx *fasthttp.RequestCtx, id string) {
	s.changeWrite(ctx, id, "drop", s.o.Writes.Drop,
		"Nothing of this write can be dropped: all its deliveries have ended.")
}

// changeWrite does something to a write and answers with its state afterwards.
func (s *Server) changeWrite(ctx *fasthttp.RequestCtx, id, what string, do func(id string) error, conflict string) {
	err := do(id)
	switch {
	case errors.Is(err, fanout.ErrUnknown):
		unknown(ctx, id)
		return
	case errors.Is(err, fanout.ErrState):
		refuse(ctx, &problem{Status: 409, Detail: conflict, ID: id})
		return
	case errors.Is(err, fanout.ErrOvertaken):
		refuse(ctx, &problem{Status: 409, ID: id, Overtaken: true, Detail: "A later write of the same ordering key was sent to that backend; ?force=1 retries this one all the same."})
		return
	case err != nil:
		s.o.Log.Error("cannot do what an operator asked", "what", what, "id", id, "error", err)
		refuse(ctx, &problem{Status: 500, Detail: "This failed; the log says more.", ID: id})
		return
	}
	s.o.Log.Info("operator", "did", what, "id", id, "from", ctx.RemoteAddr().String())
	v, ok := s.o.Writes.Lookup(id)
	if !ok { // it ended, and nobody was told its id
		reply(ctx, 204, "", nil)
		return
	}
	replyJSON(ctx, v)
}

func unknown(ctx *fasthttp.RequestCtx, id string) {
	refuse(ctx, &problem{Status: 404, Detail: "No write has this id, or it has been forgotten.", ID: id})
}
