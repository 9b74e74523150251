package fanout

import (
	"encoding/json"
	"errors"
	"strconv"

	"tutti/answer"
	"tutti/front"
	"tutti/wire"
)

// copyLimit is up to which size a body is sent in one piece with its head.
const copyLimit = 16 << 10

// statusLeft is nginx's code for a client that left before its answer; it is only counted.
const statusLeft = 499

// respond answers x with r.
func (f *Fanout) respond(x *front.Exchange, r *reply) {
	f.trace(x, r)
	// Without its page a write is accepted all the same.
	if r.update != 0 && !f.flush(r.update) && (r.verdict == acknowledged || r.verdict == refused) {
		f.freeResponse(r.response)
		f.problem(x, &answer.Problem{
			Status: 503, Error: "proxy_internal_error", RetryAfter: 1,
			Detail: "The write was accepted, but its answer can't be kept. Ask again with its Idempotency-Key.",
		})
		return
	}
	switch r.verdict {
	case acknowledged, refused:
		f.relayCounted(x, r.response, &r.prefer)
		f.freeResponse(r.response)
	case late:
		body, err := json.Marshal(r.view)
		if err != nil {
			body = []byte("{}") // it can't fail: strings, numbers, a time of this century
		}
		f.respondAccepted(x, r, body)
	case failed:
		f.respondFailed(x, r, "The write did not reach enough backends.")
	case stopped, undecided:
		f.respondFailed(x, r, "The proxy stops before the write has reached enough backends.")
	}
}

// respondFailed answers 502 with each backend's state.
func (f *Fanout) respondFailed(x *front.Exchange, r *reply, detail string) {
	v := &r.view
	members := []byte(`,"backends":`)
	if states, err := json.Marshal(v.Backends); err == nil {
		members = append(members, states...)
	} else {
		members = nil
	}
	f.problem(x, &answer.Problem{
		Status: 502, Error: "destination_unavailable", Detail: detail, ID: v.ID, Members: members,
		Applied: string(r.prefer.appendApplied(nil, false)),
	})
}

func (f *Fanout) problem(x *front.Exchange, p *answer.Problem) {
	x.Status = p.Status
	x.Out = answer.Append(x.Out, p, replyTo(x))
}

func replyTo(x *front.Exchange) answer.Reply {
	return answer.Reply{Head: string(x.Req.Method) == "HEAD", KeepAlive: x.KeepAlive(), Minor: x.Req.Minor}
}

// refuse answers a write that is not accepted; nothing of it was forwarded.
func (f *Fanout) refuse(x *front.Exchange, why refusal) {
	p := answer.Problem{Status: 503, Error: "proxy_internal_error", RetryAfter: 1}
	reason := ""
	switch why {
	case tooLarge:
		reason = "size"
		p = answer.Problem{Status: 413, Error: "http_request_error", Detail: "The body is larger than a write's may be."}
		x.CloseAfter()
	case tooMany:
		reason = "pending"
		p.Detail = "Too many writes are unfinished; nothing was forwarded."
	case tooManyBytes:
		reason = "pending_bytes"
		p.Detail = "Unfinished writes take too much memory; nothing was forwarded."
	case allHeld:
		reason = "held"
		p.Error, p.Detail = "destination_unavailable", "Every backend is held; nothing was forwarded."
	case noRoom:
		reason = "journal_full"
		p.Detail = "The journal has no room; nothing was forwarded."
	case noJournal:
		reason = "journal"
		p.Detail = "The journal can't be written; nothing was forwarded."
	case uncertain:
		reason = "journal"
		p.Detail = "The journal failed; nothing was forwarded, but it may be after a crash."
	case keyTaken:
		reason = "key_reused"
		p = answer.Problem{
			Status: 422, Error: "http_request_denied",
			Detail: "This Idempotency-Key came with another method, target or body before; nothing was forwarded.",
		}
	case badKey:
		reason = "malformed"
		p = answer.Problem{Status: 400, Error: "http_request_error", Detail: "Idempotency-Key must be one line that is not empty."}
		x.CloseAfter()
	case notServing, admitted, repeated, forgotten:
		reason = "draining"
		p.Error, p.Detail = "destination_unavailable", "The proxy is stopping; nothing was forwarded."
	}
	f.o.Metrics.RefusedWrite(reason)
	f.problem(x, &p)
}

// unread ends a request whose body did not arrive: it was never a write.
func (f *Fanout) unread(x *front.Exchange, err error) {
	var bad *wire.Error
	switch {
	case errors.As(err, &bad):
		f.o.Metrics.RefusedWrite("malformed")
		x.CloseAfter()
		f.problem(x, &answer.Problem{Status: bad.Status, Error: "http_request_error", Detail: bad.Detail})
	case errors.Is(err, front.ErrClientSlow):
		f.o.Metrics.RefusedWrite("client_left")
		x.CloseAfter()
		f.problem(x, &answer.Problem{Status: 408, Error: "http_request_error", Detail: "The request's body did not arrive in time."})
	default:
		f.o.Metrics.RefusedWrite("client_left")
		x.Status = statusLeft
		x.Abort()
	}
}

// relayCounted is relay. A large answer counts among the bytes there are while its client takes it, which may be
// long: they are not there for new writes.
func (f *Fanout) relayCounted(x *front.Exchange, a *response, p *preference) {
	if size := a.size(); size > copyLimit && !a.shared { // one that is shared counts as long as it is kept
		f.count(size)
		defer f.count(-size)
	}
	f.relay(x, a, p)
}

// count counts bytes that are no write's.
func (f *Fanout) count(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ledger.bytes += bytes
}

// relay passes a backend's answer on as it came.
func (f *Fanout) relay(x *front.Exchange, a *response, p *preference) {
	x.Status = a.status
	x.Up = p.appendApplied(x.Up[:0], false)
	applied := len(x.Up)
	if a.buf == nil || x.Resp.Parse(a.head()) != nil {
		x.Out = appendBare(x.Out, a, x.Up, replyTo(x))
		return
	}
	in := wire.Incoming{Framing: a.framing, Minor: x.Req.Minor}
	body := a.body()
	if a.framing == wire.Chunks || a.framing == wire.UntilClose {
		// It is whole, so its length is known; trailers need chunks, which HTTP/1.0 has not.
		in.Framing, in.ContentLength = wire.Length, int64(len(body))
		if len(a.trailers) > 0 && x.Req.Minor > 0 {
			in.Framing = wire.Chunks
		}
	}
	in.KeepAlive = x.KeepAlive()
	if !x.Resp.Has(wire.Date) {
		x.Up = answer.Date(x.Up)
		in.Now = x.Up[applied:]
	}
	in.Applied = x.Up[:applied]
	x.Out = wire.AppendResponse(x.Out, &x.Resp, &in)
	switch {
	case in.Framing == wire.Chunks:
		x.Out = wire.AppendLastChunk(wire.AppendChunk(x.Out, body), a.trailers)
	case len(body) <= copyLimit:
		x.Out = append(x.Out, body...)
	default:
		_ = x.Write(body) // a client that left changes nothing
	}
}

// appendBare appends an answer of which only the status is known, and why.
func appendBare(dst []byte, a *response, applied []byte, r answer.Reply) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(a.status), 10)
	dst = append(dst, " \r\nDate: "...)
	dst = answer.Date(dst)
	dst = append(dst, "\r\nProxy-Status: tutti; error="...)
	dst = append(dst, a.word...)
	dst = appendApplied(dst, applied)
	if a.status != 204 && a.status != 304 {
		dst = append(dst, "\r\nContent-Length: 0"...)
	}
	return append(appendConnection(dst, r), "\r\n\r\n"...)
}

func appendConnection(dst []byte, r answer.Reply) []byte {
	switch {
	case !r.KeepAlive:
		return append(dst, "\r\nConnection: close"...)
	case r.Minor == 0:
		return append(dst, "\r\nConnection: keep-alive"...)
	}
	return dst
}

// appendApplied appends a Preference-Applied of this value, if it has one.
func appendApplied(dst, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	dst = append(dst, "\r\nPreference-Applied: "...)
	return append(dst, value...)
}

// respondAccepted answers 202 with body, r's view.
func (f *Fanout) respondAccepted(x *front.Exchange, r *reply, body []byte) {
	x.Status = 202
	x.Out = append(x.Out, "HTTP/1.1 202 Accepted\r\nLocation: /-/writes/"...)
	x.Out = append(x.Out, r.view.ID...)
	x.Out = appendApplied(x.Out, r.prefer.appendApplied(nil, true))
	appendJSON(x, body)
}

// respondJSON answers 200 with body, which nobody is to keep.
func respondJSON(x *front.Exchange, body []byte) {
	x.Status = 200
	x.Out = append(x.Out, "HTTP/1.1 200 OK"...)
	appendJSON(x, body)
}

// appendJSON appends the rest of an answer with body, behind its first lines.
func appendJSON(x *front.Exchange, body []byte) {
	r := replyTo(x)
	dst := append(x.Out, "\r\nDate: "...)
	dst = answer.Date(dst)
	dst = append(dst, "\r\nCache-Control: no-store\r\nContent-Type: application/json\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(appendConnection(dst, r), "\r\n\r\n"...)
	if !r.Head {
		dst = append(dst, body...)
	}
	x.Out = dst
}
