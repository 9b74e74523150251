package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/valyala/fasthttp"
)

// guard decides who may do what.
type guard struct {
	hosts    map[string]bool
	token    bool
	digest   [sha256.Size]byte // of the token, so that comparing tells nothing of its length
	loopback bool              // set by Serve
}

func newGuard(hosts []string, token string) guard {
	g := guard{hosts: map[string]bool{"localhost": true}, token: token != "", digest: sha256.Sum256([]byte(token))}
	for _, h := range hosts {
		g.hosts[strings.ToLower(h)] = true
	}
	return g
}

// addressed refuses a request that was not meant for us: no Host, not exactly one target in
// origin form, or a Host somebody else may have chosen. fasthttp has refused a second Host.
func (g *guard) addressed(ctx *fasthttp.RequestCtx) *problem {
	h := &ctx.Request.Header
	field := string(h.Host())
	if field == "" && h.IsHTTP11() {
		return &problem{Status: 400, Detail: "A request needs a Host."}
	}
	host, ip, ok := splitHost(field)
	if !ok || (!ip && !g.hosts[host]) {
		return &problem{
			Status: 403,
			Detail: "Host must be an IP address, localhost or a name given by --admin-hosts.",
		}
	}
	return nil
}

// mayChange refuses a request that changes something and may not.
func (g *guard) mayChange(ctx *fasthttp.RequestCtx) *problem {
	if only(ctx, "Tutti-Admin") != "1" {
		return &problem{Status: 403, Detail: "What changes something needs the header Tutti-Admin: 1."}
	}
	return g.mayProfile(ctx)
}

// mayProfile refuses a request for a profile, which costs time and shows the inside, unless it
// comes from here and from somebody with the token.
func (g *guard) mayProfile(ctx *fasthttp.RequestCtx) *problem {
	if origin, sent := field(ctx, "Origin"); sent && !sameOrigin(origin, string(ctx.Request.Header.Host())) {
		return &problem{Status: 403, Detail: "Origin is another one."}
	}
	if site, sent := field(ctx, "Sec-Fetch-Site"); sent && site != "same-origin" && site != "none" {
		return &problem{Status: 403, Detail: "Another site asked for this."}
	}
	return g.authorised(ctx)
}

// changes says what a request that changes something needs: "open" for nothing, "token", or "refused".
func (g *guard) changes() string {
	switch {
	case g.token:
		return "token"
	case g.loopback:
		return "open"
	}
	return "refused"
}

func (g *guard) authorised(ctx *fasthttp.RequestCtx) *problem {
	switch {
	case !g.token && g.loopback:
		return nil
	case !g.token:
		return &problem{
			Status: 403,
			Detail: "This is refused on a listener that is not on loopback unless there is an --admin-token-file.",
		}
	}
	scheme, token, _ := strings.Cut(only(ctx, "Authorization"), " ")
	digest := sha256.Sum256([]byte(strings.Trim(token, " ")))
	if subtle.ConstantTimeCompare(digest[:], g.digest[:]) == 1 && strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	return &problem{Status: 401, Detail: "This needs the bearer token of --admin-token-file."}
}

// field returns a field's value and whether it was sent. Of one that was sent more than once
// the value is none that is accepted anywhere.
func field(ctx *fasthttp.RequestCtx, name string) (value string, sent bool) {
	all := ctx.Request.Header.PeekAll(name)
	switch len(all) {
	case 0:
		return "", false
	case 1:
		return string(all[0]), true
	default:
		return "", true
	}
}

// only returns the value of a field that was sent once, otherwise "".
func only(ctx *fasthttp.RequestCtx, name string) string {
	value, _ := field(ctx, name)
	return value
}

// sameOrigin tells whether an Origin (RFC 6454) is the one that host, a Host field, names. The
// scheme is not looked at: who ends TLS in front of us is not known here.
func sameOrigin(origin, host string) bool {
	scheme, authority, ok := strings.Cut(origin, "://")
	return ok && (scheme == "http" || scheme == "https") && authority != "" && strings.EqualFold(authority, host)
}
