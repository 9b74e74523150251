package wire

import "bytes"

// maxMethod is the longest method that is read: the registered ones have at most 17 bytes.
const maxMethod = 32

// Request is a request's head after the strict pass. All slices alias the head given
// to Parse (Path of a rare target aliases r) and are valid until it changes or r is parsed into again.
type Request struct {
	Head   []byte // request line to blank line, as it came
	Method []byte // known after most errors, too: an answer to HEAD has no body
	Target []byte // as it came: origin, absolute, asterisk or, with CONNECT only, authority form
	Path   []byte // the target's path and query in origin form ("/a?b"), or "*"; CONNECT: the target
	Host   []byte // the authority to forward: absolute-form's, else Host's value; may be empty
	Minor  int    // HTTP/1.<Minor>: 0 or 1

	Fields []Field // capacity is kept between calls

	ContentLength int64 // -1: none given
	Chunked       bool
	KeepAlive     bool   // what the client asked for, by version and Connection
	Expect        bool   // Expect: 100-continue (only from HTTP/1.1)
	Trailers      bool   // TE said trailers
	Upgrade       []byte // Upgrade's value if Connection names it, the version is 1.1 and it is no HTTP; else nil

	has, dup uint32 // bit sets of the Kinds seen, seen more than once
	absolute bool   // the target came in absolute form
	path     []byte // memory for a Path that is nowhere in Head; capacity is kept
}

// Has tells whether a field of this kind was there.
func (r *Request) Has(k Kind) bool { return r.has&(1<<k) != 0 }

// HasBody tells whether a body follows, empty chunked ones included.
func (r *Request) HasBody() bool { return r.Chunked || r.ContentLength > 0 }

// Value returns the value of the first field of kind k, nil when there is none.
func (r *Request) Value(k Kind) []byte {
	if !r.Has(k) {
		return nil
	}
	return value(r.Head, r.Fields, k)
}

// Lookup returns the value of the first field with this lower-case name.
func (r *Request) Lookup(lower string) (value []byte, ok bool) {
	return lookup(r.Head, r.Fields, lower)
}

// Loops tells whether a Via field names pseudonym (RFC 9110 §7.6.3).
func (r *Request) Loops(pseudonym string) bool {
	if !r.Has(Via) {
		return false
	}
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.Kind != Via {
			continue
		}
		for list := r.Head[f.Value:f.ValueEnd]; len(list) > 0; {
			var hop []byte
			hop, list = element(list)
			if receivedBy(hop, pseudonym) {
				return true
			}
		}
	}
	return false
}

// receivedBy tells whether hop is "protocol pseudonym [comment]".
func receivedBy(hop []byte, pseudonym string) bool {
	i := bytes.IndexAny(hop, " \t")
	if i < 0 {
		return false
	}
	by := trim(hop[i:])
	n := len(pseudonym)
	return len(by) >= n && (len(by) == n || by[n] == ' ' || by[n] == '\t') && string(by[:n]) == pseudonym
}

// Parse reads the head of one request: head starts with the request line and ends with the
// blank line, as HeadEnd found it. It resets r first. Errors are *Error; the connection can't
// be used any more after one.
func (r *Request) Parse(head []byte) error {
	*r = Request{Head: head, Fields: r.Fields[:0], path: r.path[:0], ContentLength: -1}
	if len(head) > maxHead {
		return errHeadTooLarge
	}
	pos, err := r.line(head)
	if err != nil {
		return err
	}
	s := section{head: head, fields: r.Fields}
	f := s.scan(pos)
	r.Fields, r.has, r.dup = s.fields, s.has, s.dup
	if f != nil {
		return &f.request
	}
	if err := r.host(); err != nil {
		return err
	}
	if r.Has(likeFraming) {
		return errLikeFraming
	}
	if r.ContentLength, r.Chunked, f = s.length(r.Minor); f != nil {
		return &f.request
	}
	c, f := s.connection()
	if f != nil {
		return &f.request
	}
	r.KeepAlive = c.persists(r.Minor)
	r.Upgrade = s.upgrade(c, r.Minor)
	if r.has&(1<<Expect|1<<TE) != 0 {
		r.options()
	}
	return nil
}

// line reads the request line and returns where the fields start.
func (r *Request) line(head []byte) (int, error) {
	i := 0
	for i < len(head) && isToken[head[i]] {
		i++
	}
	if i == 0 || i > maxMethod || i >= len(head) || head[i] != ' ' {
		return 0, errMethod
	}
	r.Method = head[:i]
	i++
	start := i
	for i < len(head) && isTarget[head[i]] {
		i++
	}
	if i < len(head) && head[i] == '#' {
		return 0, errFragment
	}
	if i == start || i >= len(head) || head[i] != ' ' {
		return 0, errTarget
	}
	r.Target = head[start:i]
	minor, ok := version(head[i+1:])
	if !ok {
		return 0, errRequestLine
	}
	if minor < 0 {
		return 0, errVersion
	}
	i += 1 + len("HTTP/1.1")
	if i+1 >= len(head) || head[i] != '\r' || head[i+1] != '\n' {
		return 0, errRequestLine
	}
	r.Minor = minor
	return i + 2, r.target()
}

// version reads "HTTP/x.y" at the start of b; minor is -1 when it is neither 1.0 nor 1.1.
func version(b []byte) (minor int, ok bool) {
	if len(b) < 8 || string(b[:5]) != "HTTP/" || b[6] != '.' || !isDigit(b[5]) || !isDigit(b[7]) {
		return 0, false
	}
	if b[5] != '1' || b[7] > '1' {
		return -1, true
	}
	return int(b[7] - '0'), true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// host checks Host, which a request in HTTP/1.1 has exactly once (RFC 9112 §3.2). An empty
// one is what a client without an authority has to send; beside the authority of an absolute
// target it contradicts that.
func (r *Request) host() error {
	if r.dup&(1<<Host) != 0 {
		return errHostTwice
	}
	if !r.Has(Host) {
		if r.Minor == 1 {
			return errHostMissing
		}
		return nil
	}
	v := value(r.Head, r.Fields, Host)
	if (len(v) > 0 || r.absolute) && !validAuthority(v) {
		return errHost
	}
	if !r.absolute {
		r.Host = v
	}
	return nil
}

// options reads Expect and TE. HTTP/1.0 can't expect (RFC 9110 §10.1.1).
func (r *Request) options() {
	for i := range r.Fields {
		f := &r.Fields[i]
		v := r.Head[f.Value:f.ValueEnd]
		switch f.Kind { //nolint:exhaustive // only these
		case Expect:
			r.Expect = r.Expect || r.Minor == 1 && lists(v, "100-continue")
		case TE:
			r.Trailers = r.Trailers || lists(v, "trailers")
		}
	}
}
