package admin

import (
	"encoding/json"

	"github.com/valyala/fasthttp"
)

// problem is an answer that says no (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"` // a sentence of ours
	ID     string `json:"id,omitempty"`     // a write's

	Overtaken bool `json:"overtaken,omitempty"` // ?force=1 does it all the same

	allow string // for 405
}

// refuse answers with p.
func refuse(ctx *fasthttp.RequestCtx, p *problem) {
	p.Type, p.Title = "about:blank", fasthttp.StatusMessage(p.Status)
	if p.allow != "" {
		ctx.Response.Header.Set("Allow", p.allow)
	}
	if p.Status == fasthttp.StatusUnauthorized {
		ctx.Response.Header.Set("WWW-Authenticate", `Bearer realm="tutti"`)
	}
	body, err := json.Marshal(p)
	if err != nil { // strings and a number: never
		body = []byte("{}")
	}
	reply(ctx, p.Status, "application/problem+json", append(body, '\n'))
}

// replyJSON answers 200 with v, which must be made of plain data.
func replyJSON(ctx *fasthttp.RequestCtx, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		refuse(ctx, &problem{Status: 500, Detail: "This could not be written as JSON."})
		return
	}
	reply(ctx, 200, "application/json", append(body, '\n'))
}

// reply answers with body, which becomes the response's. Whatever was set before is gone but
// for Allow and WWW-Authenticate.
func reply(ctx *fasthttp.RequestCtx, status int, contentType string, body []byte) {
	ctx.Response.SetStatusCode(status)
	ctx.Response.SetBodyRaw(body)
	h := &ctx.Response.Header
	h.SetContentType(contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
}
