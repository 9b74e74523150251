package wire

// Response is the head of a backend's answer after the strict pass. Slices alias the head.
type Response struct {
	Head   []byte
	Minor  int
	Status int    // 100 to 599 (999 is refused)
	Reason []byte // may be empty

	Fields []Field // capacity is kept between calls

	// ContentLength is -1 when none was given, and for 1xx and 204, which have no body
	// whatever they say (RFC 9110 §8.6: their Content-Length is removed).
	ContentLength int64
	Chunked       bool
	KeepAlive     bool   // what the backend offered; it does not hold when Body is UntilClose
	Upgrade       []byte // as in Request

	has uint32
}

// Has tells whether a field of this kind was there.
func (p *Response) Has(k Kind) bool { return p.has&(1<<k) != 0 }

// Value returns the value of the first field of kind k, nil when there is none.
func (p *Response) Value(k Kind) []byte {
	if !p.Has(k) {
		return nil
	}
	return value(p.Head, p.Fields, k)
}

// Lookup returns the value of the first field with this lower-case name.
func (p *Response) Lookup(lower string) (value []byte, ok bool) {
	return lookup(p.Head, p.Fields, lower)
}

// Parse reads the head of an answer, from the status line to the blank line, as HeadEnd
// found it. It resets p first. Errors are *Error; the connection can't be used any more after one.
func (p *Response) Parse(head []byte) error {
	*p = Response{Head: head, Fields: p.Fields[:0], ContentLength: -1}
	if len(head) > maxHead {
		return errAnswerLarge
	}
	pos, err := p.line(head)
	if err != nil {
		return err
	}
	s := section{head: head, fields: p.Fields}
	f := s.scan(pos)
	p.Fields, p.has = s.fields, s.has
	if f != nil {
		return &f.answer
	}
	if p.ContentLength, p.Chunked, f = s.length(p.Minor); f != nil {
		return &f.answer
	}
	c, f := s.connection()
	if f != nil {
		return &f.answer
	}
	p.KeepAlive = c.persists(p.Minor)
	p.Upgrade = s.upgrade(c, p.Minor)
	if p.bodiless() {
		if p.Chunked {
			return errCodingNoBody
		}
		// A server that says so may also send it: its bytes would be the next answer.
		p.KeepAlive = p.KeepAlive && p.ContentLength <= 0
		p.ContentLength = -1
	}
	return nil
}

// bodiless tells whether the status alone says that there is no body and no framing field
// (RFC 9112 §6.1); a 304 may carry the ones of the answer it stands for.
func (p *Response) bodiless() bool { return p.Status < 200 || p.Status == 204 }

// line reads the status line and returns where the fields start. The space before an empty
// reason may be missing (RFC 9112 §4 asks for it, servers forget it).
func (p *Response) line(head []byte) (int, error) {
	const code = len("HTTP/1.1 ")
	minor, ok := version(head)
	if !ok || minor < 0 || len(head) < code+5 || head[code-1] != ' ' {
		return 0, errStatusLine
	}
	a, b, c := head[code], head[code+1], head[code+2]
	if !isDigit(a) || !isDigit(b) || !isDigit(c) {
		return 0, errStatusLine
	}
	status := int(a-'0')*100 + int(b-'0')*10 + int(c-'0')
	if status < 100 || status > 599 {
		return 0, errStatus
	}
	i := code + 3
	if head[i] == ' ' {
		i++
	} else if head[i] != '\r' {
		return 0, errStatusLine
	}
	end := lineEnd(head, i)
	if end+1 >= len(head) || head[end] != '\r' || head[end+1] != '\n' {
		return 0, &lineFault(head, end).answer
	}
	p.Minor, p.Status, p.Reason = minor, status, head[i:end]
	return end + 2, nil
}

// Body says how the answer's body is delimited, given whether the request was a HEAD
// (RFC 9112 §6.3). Content-Length: 0 is Length.
func (p *Response) Body(head bool) Framing {
	switch {
	case head || p.bodiless() || p.Status == 304:
		return NoBody
	case p.Chunked:
		return Chunks
	case p.ContentLength >= 0:
		return Length
	default:
		return UntilClose
	}
}
