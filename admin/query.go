package admin

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"tutti/fanout"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// query returns the parameters of a request, each at most once and named in known.
func query(ctx *fasthttp.RequestCtx, known ...string) (map[string]string, *problem) {
	_, raw, _ := strings.Cut(string(ctx.Request.Header.RequestURI()), "?")
	all, err := url.ParseQuery(raw)
	if err != nil {
		return nil, bad("The query is malformed.")
	}
	values := map[string]string{}
	for name, v := range all {
		switch {
		case !slices.Contains(known, name):
			return nil, bad("There is no such parameter; there are " + strings.Join(known, ", ") + ".")
		case len(v) > 1:
			return nil, bad("The parameter " + name + " may be given once.")
		}
		values[name] = v[0]
	}
	return values, nil
}

func bad(detail string) *problem { return &problem{Status: 400, Detail: detail} }

// filter reads which writes are asked for. An empty parameter is as one that is not there.
func (s *Server) filter(ctx *fasthttp.RequestCtx) (f fanout.Filter, p *problem) {
	q, p := query(ctx, "state", "backend", "limit", "after")
	if p != nil {
		return f, p
	}
	f.Limit = defaultLimit
	if f.State = q["state"]; !slices.Contains([]string{"", "pending", "parked", "settled"}, f.State) {
		return f, bad("state must be pending, parked or settled.")
	}
	if name := q["backend"]; name != "" {
		i, ok := s.backend(url.PathEscape(name))
		if !ok {
			return f, bad("backend must be one of " + s.names() + ".")
		}
		f.Backend = s.o.Backends[i].Name()
	}
	if limit := q["limit"]; limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > maxLimit {
			return f, bad("limit must be a number from 1 to 1000.")
		}
		f.Limit = n
	}
	if after := q["after"]; after != "" {
		n, err := strconv.ParseUint(after, 10, 64)
		if err != nil {
			return f, bad("after must be a write's sequence, as next has it.")
		}
		f.After = n
	}
	return f, nil
}

// next is the target of the page after one whose last write is numbered last.
func next(f fanout.Filter, last uint64) string {
	q := url.Values{"limit": {strconv.Itoa(f.Limit)}, "after": {strconv.FormatUint(last, 10)}}
	if f.State != "" {
		q.Set("state", f.State)
	}
	if f.Backend != "" {
		q.Set("backend", f.Backend)
	}
	return "/-/writes?" + q.Encode()
}
