package wire

import (
	"encoding/hex"
	"strconv"
)

// maxRequestID is the longest X-Request-Id of a client that is kept.
const maxRequestID = 128

// Outgoing is what a request carries toward a backend besides the client's own fields.
// Its strings are written as they are: they must be ours, never a peer's bytes.
type Outgoing struct {
	Pseudonym string // for Via: "1.1 <Pseudonym>"
	ClientIP  string // X-Forwarded-For: the peer's
	Proto     string // X-Forwarded-Proto: "http" or "https"
	Host      string // the Host of a request that came without one (HTTP/1.0); "": Pseudonym, since many servers refuse an empty one

	// Trusted: the peer is a proxy whose forwarding fields are believed. They are kept and
	// extended; from anybody else they are removed and ours set.
	Trusted bool

	Framing       Framing // NoBody keeps the client's "Content-Length: 0" if it sent one; Length; Chunks
	ContentLength int64   // with Length
	KeepExpect    bool    // forward Expect: 100-continue
	KeepUpgrade   bool    // forward Upgrade with Connection: Upgrade

	RequestID      [16]byte // used as 32 hex digits when the client's is missing or not acceptable
	IdempotencyKey []byte   // added when not nil and the client sent none
	Sequence       uint64   // Tutti-Sequence, added when not 0; the client's is always removed
}

// AppendRequest appends the head to send to a backend: the request line rewritten
// ("METHOD path HTTP/1.1"), the client's fields as they came and in order without those that
// are removed, then ours, then the blank line.
//
// A Host, Content-Length or Transfer-Encoding with unusual white space, leading zeros or
// capitals in "chunked" is written anew. r must have been parsed without error.
func AppendRequest(dst []byte, r *Request, o *Outgoing) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = append(dst, r.Path...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	if !r.Has(Host) {
		dst = appendHost(dst, r, o)
	}
	dst, framed := appendKept(dst, r, o)
	if !framed {
		dst = appendFraming(dst, o.Framing, o.ContentLength)
	}
	return appendOurs(dst, r, o)
}

// appendHost appends the Host of a request that came without the field.
func appendHost(dst []byte, r *Request, o *Outgoing) []byte {
	dst = append(dst, "Host: "...)
	switch {
	case r.absolute:
		dst = append(dst, r.Host...)
	case o.Host != "":
		dst = append(dst, o.Host...)
	default:
		dst = append(dst, o.Pseudonym...)
	}
	return append(dst, "\r\n"...)
}

// appendKept appends the client's field lines that go on, in runs. framed tells whether the
// one that frames the body as o says was among them, or none is needed.
func appendKept(dst []byte, r *Request, o *Outgoing) (_ []byte, framed bool) {
	framed = o.Framing == NoBody || o.Framing == UntilClose
	head := r.Head
	end := len(head) - len("\r\n")
	if len(r.Fields) == 0 {
		return dst, framed
	}
	run := int(r.Fields[0].Line)
	for i := range r.Fields {
		f := &r.Fields[i]
		if !f.HopByHop {
			if f.Kind == Other {
				continue
			}
			keep, frames := r.keeps(f, o)
			framed = framed || frames
			if keep {
				continue
			}
		}
		dst = append(dst, head[run:f.Line]...)
		run = int(f.End)
		if f.Kind == Host {
			dst = append(dst, head[f.Line:f.NameEnd]...)
			dst = append(dst, ": "...)
			dst = append(dst, r.Host...)
			dst = append(dst, "\r\n"...)
		}
	}
	return append(dst, head[run:end]...), framed
}

// keeps decides about a field that is not HopByHop. frames tells that it is kept and frames
// the body as o says.
func (r *Request) keeps(f *Field, o *Outgoing) (keep, frames bool) {
	switch f.Kind { //nolint:exhaustive // the others are kept
	case Host:
		return !r.absolute && f.plain(r.Head), false
	case ContentLength:
		if !f.plain(r.Head) || f.padded(r.Head) {
			return false, false
		}
		if o.Framing == NoBody {
			return r.ContentLength == 0, false
		}
		keep = o.Framing == Length && r.ContentLength == o.ContentLength
		return keep, keep
	case TransferEncoding:
		keep = o.Framing == Chunks && f.plainlyChunked(r.Head)
		return keep, keep
	case Trailer:
		return (o.Framing == Chunks || !r.Chunked) && announceable(r.Head[f.Value:f.ValueEnd]), false
	case Expect:
		return r.Expect && o.KeepExpect || !lists(r.Head[f.Value:f.ValueEnd], "100-continue"), false
	case RequestID:
		return r.KeptRequestID() != nil, false
	case Forwarding:
		return o.Trusted && r.forwardingOf(f)&(keptProto|keptHost|keptOther) != 0, false
	case Sequence, likeOurs:
		return false, false
	default:
		return true, false
	}
}

// KeptRequestID returns the client's X-Request-Id if it goes on: one, of at most 128 safe
// bytes, so that it can stand in any log. Otherwise nil.
func (r *Request) KeptRequestID() []byte {
	if !r.Has(RequestID) || r.dup&(1<<RequestID) != 0 {
		return nil
	}
	id := value(r.Head, r.Fields, RequestID)
	if len(id) == 0 || len(id) > maxRequestID {
		return nil
	}
	for _, c := range id {
		if !isID[c] {
			return nil
		}
	}
	return id
}

func appendFraming(dst []byte, f Framing, length int64) []byte {
	switch f {
	case Length:
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, length, 10)
		return append(dst, "\r\n"...)
	case Chunks:
		return append(dst, "Transfer-Encoding: chunked\r\n"...)
	case NoBody, UntilClose:
	}
	return dst
}

// appendOurs appends the fields Tutti adds and the blank line.
func appendOurs(dst []byte, r *Request, o *Outgoing) []byte {
	upgrade := o.KeepUpgrade && r.Upgrade != nil
	switch {
	case upgrade && r.Trailers:
		dst = append(dst, "Connection: Upgrade, TE\r\nTE: trailers\r\nUpgrade: "...)
	case upgrade:
		dst = append(dst, "Connection: Upgrade\r\nUpgrade: "...)
	case r.Trailers:
		dst = append(dst, "Connection: TE\r\nTE: trailers\r\n"...)
	}
	if upgrade {
		dst = append(dst, r.Upgrade...)
		dst = append(dst, "\r\n"...)
	}
	if r.Minor == 1 {
		dst = append(dst, "Via: 1.1 "...)
	} else {
		dst = append(dst, "Via: 1.0 "...)
	}
	dst = append(dst, o.Pseudonym...)
	dst = appendClient(dst, r, o)
	if r.KeptRequestID() == nil {
		dst = append(dst, "\r\nX-Request-Id: "...)
		dst = hex.AppendEncode(dst, o.RequestID[:])
	}
	if o.IdempotencyKey != nil && !r.Has(IdempotencyKey) {
		dst = append(dst, "\r\nIdempotency-Key: "...)
		dst = append(dst, o.IdempotencyKey...)
	}
	if o.Sequence != 0 {
		dst = append(dst, "\r\nTutti-Sequence: "...)
		dst = strconv.AppendUint(dst, o.Sequence, 10)
	}
	return append(dst, "\r\n\r\n"...)
}
