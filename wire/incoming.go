package wire

// Incoming says how an answer goes on to the client.
type Incoming struct {
	Framing       Framing // Length and NoBody keep the backend's Content-Length; Chunks writes Transfer-Encoding: chunked (never to HTTP/1.0); UntilClose neither
	ContentLength int64   // with Length, where the backend gave none
	KeepAlive     bool    // false, or UntilClose: Connection: close is written (not for 1xx)
	Minor         int     // the client's version; to HTTP/1.0 with KeepAlive, Connection: keep-alive is written
	Upgrade       bool    // a 101: Connection: Upgrade and Upgrade are written
	Applied       []byte  // Preference-Applied, added when not empty; it must be ours
	Now           []byte  // the IMF-fixdate used where Date is missing (not for 1xx)
}

// AppendResponse appends the head for the client: status line in HTTP/1.1, the backend's
// fields as they came without those that are removed, ours, the blank line.
func AppendResponse(dst []byte, p *Response, o *Incoming) []byte {
	head := p.Head
	// The status line of most answers goes on with the first run of fields.
	run := 0
	if p.Minor != 1 || head[len("HTTP/1.1 200")] != ' ' {
		dst = append(dst, "HTTP/1.1 "...)
		dst = append(dst, head[len("HTTP/1.1 "):len("HTTP/1.1 200")]...)
		dst = append(dst, ' ')
		dst = append(dst, p.Reason...)
		dst = append(dst, "\r\n"...)
		run = len(head) - len("\r\n")
		if len(p.Fields) > 0 {
			run = int(p.Fields[0].Line)
		}
	}
	framing, length := p.framing(o)
	framed := framing == NoBody || framing == UntilClose
	for i := range p.Fields {
		f := &p.Fields[i]
		if !f.HopByHop {
			if f.Kind == Other {
				continue
			}
			keep, frames := p.keeps(f, framing)
			framed = framed || frames
			if keep {
				continue
			}
		}
		dst = append(dst, head[run:f.Line]...)
		run = int(f.End)
	}
	dst = append(dst, head[run:len(head)-len("\r\n")]...)
	if !framed {
		dst = appendFraming(dst, framing, length)
	}
	return p.appendEnd(dst, o)
}

// framing is what the head has to say about the body: an answer without one, to HEAD or a
// 304, still says the length it would have.
func (p *Response) framing(o *Incoming) (f Framing, length int64) {
	switch {
	case o.Framing == NoBody && p.ContentLength >= 0:
		return Length, p.ContentLength
	case o.Framing == Length && p.ContentLength < 0:
		return Length, o.ContentLength
	default:
		return o.Framing, p.ContentLength
	}
}

// keeps decides about a field that is not HopByHop. frames tells that it is kept and says
// what framing asks for.
func (p *Response) keeps(f *Field, framing Framing) (keep, frames bool) {
	switch f.Kind { //nolint:exhaustive // the others are kept
	case ContentLength:
		keep = framing == Length && p.ContentLength >= 0 && f.plain(p.Head) && !f.padded(p.Head)
		return keep, keep
	case TransferEncoding:
		keep = framing == Chunks && f.plainlyChunked(p.Head)
		return keep, keep
	case Trailer:
		return (framing == Chunks || !p.Chunked) && announceable(p.Head[f.Value:f.ValueEnd]), false
	default:
		return true, false
	}
}

// appendEnd appends Date where it is missing, Connection and the blank line.
func (p *Response) appendEnd(dst []byte, o *Incoming) []byte {
	if p.Status < 200 {
		if o.Upgrade && p.Upgrade != nil {
			dst = append(dst, "Connection: Upgrade\r\nUpgrade: "...)
			dst = append(dst, p.Upgrade...)
			dst = append(dst, "\r\n"...)
		}
		return append(dst, "\r\n"...)
	}
	if !p.Has(Date) && len(o.Now) > 0 {
		dst = append(dst, "Date: "...)
		dst = append(dst, o.Now...)
		dst = append(dst, "\r\n"...)
	}
	if len(o.Applied) > 0 {
		dst = append(dst, "Preference-Applied: "...)
		dst = append(dst, o.Applied...)
		dst = append(dst, "\r\n"...)
	}
	switch {
	case !o.KeepAlive || o.Framing == UntilClose:
		dst = append(dst, "Connection: close\r\n"...)
	case o.Minor == 0:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}
