// Package wire reads and writes the heads and chunked bodies of HTTP/1.1 messages
// (RFC 9112), strictly: what two parsers could understand in two ways is refused.
//
// Everything works on bytes the caller owns, keeps offsets and sub-slices of them,
// and allocates nothing.
package wire

// Request is a request's head after the strict pass. All slices alias the head given
// to Parse and are valid as long as it is.
type Request struct {
	Head   []byte // request line to blank line, as it came
	Method []byte
	Target []byte // as it came: origin, absolute or asterisk form
	Path   []byte // the target's path and query in origin form ("/a?b"), or "*"
	Host   []byte // the authority to forward: absolute-form's, else Host's value
	Minor  int    // HTTP/1.<Minor>: 0 or 1

	Fields []Field // capacity is kept between calls

	ContentLength int64 // -1: none given
	Chunked       bool
	KeepAlive     bool   // what the client asked for, by version and Connection
	Expect        bool   // Expect: 100-continue (only from HTTP/1.1)
	Trailers      bool   // TE said trailers
	Upgrade       []byte // Upgrade's value if Connection names it and the version is 1.1, else nil

	has uint32 // bit set of the Kinds seen
}

// Has tells whether a field of this kind was there.
func (r *Request) Has(k Kind) bool { return r.has&(1<<k) != 0 }

// HasBody tells whether a body follows, empty chunked ones included.
func (r *Request) HasBody() bool { return r.Chunked || r.ContentLength > 0 }
