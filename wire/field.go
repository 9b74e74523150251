package wire

import "math"

// MaxFields is how many field lines a head may have.
const MaxFields = 256

// maxNominations is how many names the Connection fields of a head may hold in all: each
// is looked for among all fields.
const maxNominations = 64

// maxHead is what offsets can hold; the real bound is the caller's.
const maxHead = math.MaxInt32

// Field is one field line of a head, as offsets into the head it was parsed from.
type Field struct {
	Line, NameEnd   int32 // the line's first byte, which is the name's; one past the name
	Value, ValueEnd int32 // the value without the white space around it
	End             int32 // one past the line's CRLF
	Kind            Kind
	HopByHop        bool // removed on the way: by its kind, or because Connection names it
}

// plain tells whether a line is "Name: value" or "Name:value" with no other white space.
// Fields that frame or route go on only so; otherwise they are written anew.
func (f *Field) plain(head []byte) bool {
	return f.ValueEnd == f.End-2 &&
		(f.Value == f.NameEnd+1 || f.Value == f.NameEnd+2 && head[f.NameEnd+1] == ' ')
}

// plainlyChunked tells whether a Transfer-Encoding can go on as it is; "Chunked" is the same
// to most, but not to those who forget that codings have no case.
func (f *Field) plainlyChunked(head []byte) bool {
	return f.plain(head) && string(head[f.Value:f.ValueEnd]) == "chunked"
}

// padded tells whether a number has leading zeros, which some would read as octal.
func (f *Field) padded(head []byte) bool {
	return f.ValueEnd-f.Value > 1 && head[f.Value] == '0'
}

// section is the field lines of a head while it is read.
type section struct {
	head     []byte
	fields   []Field
	has, dup uint32 // bit sets of the Kinds seen, seen more than once
}

// scan reads field lines from pos to the blank line, which must be all that follows.
func (s *section) scan(pos int) *fault {
	head := s.head
	for {
		line := pos
		for pos < len(head) && isToken[head[pos]] {
			pos++
		}
		if pos == line || pos >= len(head) || head[pos] != ':' {
			return s.endOrFault(line, pos)
		}
		if len(s.fields) == MaxFields {
			return errManyFields
		}
		nameEnd := pos
		pos++
		for pos < len(head) && (head[pos] == ' ' || head[pos] == '\t') {
			pos++
		}
		value := pos
		pos = lineEnd(head, pos)
		if pos+1 >= len(head) || head[pos] != '\r' || head[pos+1] != '\n' {
			return lineFault(head, pos)
		}
		end := pos
		for end > value && (head[end-1] == ' ' || head[end-1] == '\t') {
			end--
		}
		pos += 2
		kind := kindOf(head[line:nameEnd])
		bit := uint32(1) << kind
		s.dup |= s.has & bit
		s.has |= bit
		s.fields = append(s.fields, Field{
			Line: int32(line), NameEnd: int32(nameEnd),
			Value: int32(value), ValueEnd: int32(end),
			End: int32(pos), Kind: kind, HopByHop: hopByHop&bit != 0,
		})
	}
}

// endOrFault is called where no field name with its colon is: nil at the blank line.
func (s *section) endOrFault(line, pos int) *fault {
	head := s.head
	switch {
	case pos >= len(head):
		return errCut
	case head[pos] == '\r' && pos == line && pos+2 == len(head) && head[pos+1] == '\n':
		return nil
	case pos == line && (head[pos] == ' ' || head[pos] == '\t'):
		return errFold
	case head[pos] == ' ' || head[pos] == '\t':
		return errNameSpace
	case pos == line && head[pos] == ':':
		return errNameEmpty
	case head[pos] == '\r' && pos+1 < len(head) && head[pos+1] == '\n':
		if pos == line {
			return errCut // bytes after the blank line: not what HeadEnd found
		}
		return errNoColon
	case head[pos] < ' ':
		return lineFault(head, pos)
	default:
		return errName
	}
}

// lineEnd returns the index of the first control byte but HTAB from pos on.
func lineEnd(head []byte, pos int) int {
	for {
		pos = control(head, pos)
		if pos >= len(head) || head[pos] != '\t' {
			return pos
		}
		pos++
	}
}

// lineFault says what is wrong at pos, where a line does not end in CRLF.
func lineFault(head []byte, pos int) *fault {
	switch {
	case pos >= len(head):
		return errCut
	case head[pos] == '\n':
		return errBareLF
	case head[pos] == '\r':
		return errBareCR
	default:
		return errControl
	}
}

// length reads the framing fields: the Content-Length or -1, and whether the body is chunked.
// Two lengths are refused even when they agree, RFC 9112 §6.3 notwithstanding: nobody
// honest sends them and parsers differ in which they believe.
func (s *section) length(minor int) (n int64, chunked bool, f *fault) {
	const framing = 1<<ContentLength | 1<<TransferEncoding
	switch {
	case s.has&framing == 0:
		return -1, false, nil
	case s.has&framing == framing:
		return -1, false, errTwoFramings
	case s.dup&(1<<ContentLength) != 0:
		return -1, false, errTwoLengths
	case s.dup&(1<<TransferEncoding) != 0:
		return -1, false, errTwoCodings
	case s.has&(1<<ContentLength) != 0:
		n, ok := ParseUint(value(s.head, s.fields, ContentLength))
		if !ok {
			return -1, false, errLength
		}
		return n, false, nil
	case !EqualFold(value(s.head, s.fields, TransferEncoding), "chunked"):
		return -1, false, errCoding
	case minor == 0:
		return -1, false, errCodingInOld
	default:
		return -1, true, nil
	}
}

// connection reads the Connection fields and marks what they name as HopByHop.
func (s *section) connection() (c connection, f *fault) {
	if s.has&(1<<Connection) == 0 {
		return c, nil
	}
	names := 0
	for i := range s.fields {
		f := &s.fields[i]
		if f.Kind != Connection {
			continue
		}
		for list := s.head[f.Value:f.ValueEnd]; len(list) > 0; {
			var name []byte
			if name, list = element(list); len(name) == 0 {
				continue
			}
			if names++; names > maxNominations {
				return c, errNominations
			}
			switch {
			case EqualFold(name, "close"):
				c.close = true
			case EqualFold(name, "keep-alive"):
				c.keepAlive = true
			case EqualFold(name, "upgrade"):
				c.upgrade = true
			default:
				s.nominate(name)
			}
		}
	}
	return c, nil
}

func (s *section) nominate(name []byte) {
	for i := range s.fields {
		f := &s.fields[i]
		if int(f.NameEnd-f.Line) == len(name) && unnameable&(1<<f.Kind) == 0 &&
			sameFold(name, s.head[f.Line:f.NameEnd]) {
			f.HopByHop = true
		}
	}
}

// connection is what the Connection fields of a message say.
type connection struct{ close, keepAlive, upgrade bool }

// persists says whether the sender would keep the connection (RFC 9112 §9.3).
func (c connection) persists(minor int) bool {
	return !c.close && (minor == 1 || c.keepAlive)
}

// upgrade returns the one Upgrade field's value if Connection names it, the version is 1.1
// and the protocol is not HTTP itself: a tunnel that speaks HTTP in another version would
// carry requests past every rule (golang/go#80416).
func (s *section) upgrade(c connection, minor int) []byte {
	if !c.upgrade || minor != 1 || s.has&(1<<Upgrade) == 0 || s.dup&(1<<Upgrade) != 0 {
		return nil
	}
	protocols := value(s.head, s.fields, Upgrade)
	if len(protocols) == 0 {
		return nil
	}
	for list := protocols; len(list) > 0; {
		var p []byte
		p, list = element(list)
		if EqualFold(p, "h2c") || EqualFold(p, "h2") || hasPrefixFold(p, "http") || hasPrefixFold(p, "tls") {
			return nil
		}
	}
	return protocols
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && EqualFold(b[:len(prefix)], prefix)
}

// value returns the value of the first field of kind k, nil when there is none.
func value(head []byte, fields []Field, k Kind) []byte {
	for i := range fields {
		if f := &fields[i]; f.Kind == k {
			return head[f.Value:f.ValueEnd]
		}
	}
	return nil
}

func lookup(head []byte, fields []Field, name string) (v []byte, ok bool) {
	for i := range fields {
		if f := &fields[i]; EqualFold(head[f.Line:f.NameEnd], name) {
			return head[f.Value:f.ValueEnd], true
		}
	}
	return nil, false
}
