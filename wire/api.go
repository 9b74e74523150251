package wire

import "io"

// (signatures agreed between packages; wire's owner moves each to the file of its type)

// HeadEnd looks for the blank line that ends a head in buf, scanning from byte from on
// (resumable: pass the returned next as from when more bytes have arrived).
// end is one past the blank line, or 0 when there is none yet. A LF without CR before it,
// a CR without LF after it and a NUL are errors as soon as they are seen.
func HeadEnd(buf []byte, from int) (end, next int, err error) { panic("todo") }

// SkipBlank returns how many bytes of leading CRLF pairs (at most 8 pairs) buf starts with (RFC 9112 §2.2).
func SkipBlank(buf []byte) int { panic("todo") }

// Parse reads the head of one request: head starts with the request line and ends with the
// blank line, as HeadEnd found it. It resets r first. Errors are *Error.
func (r *Request) Parse(head []byte) error { panic("todo") }

// Value returns the value of the first field of kind k, nil when there is none.
func (r *Request) Value(k Kind) []byte { panic("todo") }

// Lookup returns the value of the first field with this lower-case name.
func (r *Request) Lookup(lower string) (value []byte, ok bool) { panic("todo") }

// Loops tells whether a Via field names pseudonym (RFC 9110 §7.6.3).
func (r *Request) Loops(pseudonym string) bool { panic("todo") }

// Outgoing is what a request carries toward a backend besides the client's own fields.
type Outgoing struct {
	Pseudonym string // for Via: "1.1 <Pseudonym>"
	ClientIP  string // X-Forwarded-For
	Proto     string // X-Forwarded-Proto: "http" or "https"

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
func AppendRequest(dst []byte, r *Request, o *Outgoing) []byte { panic("todo") }

// Parse reads the head of an answer. Errors are *Error.
func (p *Response) Parse(head []byte) error { panic("todo") }

// Value returns the value of the first field of kind k, nil when there is none.
func (p *Response) Value(k Kind) []byte { panic("todo") }

// Body says how the answer's body is delimited, given whether the request was a HEAD.
func (p *Response) Body(head bool) Framing { panic("todo") }

// Incoming says how an answer goes on to the client.
type Incoming struct {
	Framing   Framing // Length and NoBody keep the backend's Content-Length; Chunks writes Transfer-Encoding: chunked; UntilClose neither
	KeepAlive bool    // false: Connection: close is written
	Minor     int     // the client's version; to HTTP/1.0 with KeepAlive, Connection: keep-alive is written
	Upgrade   bool    // a 101: Connection: Upgrade and Upgrade are written
	Now       []byte  // the IMF-fixdate used where Date is missing (not for 1xx)
}

// AppendResponse appends the head for the client: status line in HTTP/1.1, the backend's
// fields as they came without those that are removed, ours, the blank line.
func AppendResponse(dst []byte, p *Response, o *Incoming) []byte { panic("todo") }

// ChunkReader takes a chunked body apart, byte ranges at a time. The zero value is ready.
type ChunkReader struct {
	state     uint8
	left      uint64
	lineLen   int
	trailers  []byte
	trailerSz int
}

// Next consumes a prefix of src (n bytes) and returns the body bytes in it as a sub-slice of
// src (possibly empty). It stops after each run of data; call again with src[n:] until n == 0
// or Done. Extensions are dropped. Errors are *Error: bare LF, bad size, overflow, too long a
// line, bad trailer.
func (c *ChunkReader) Next(src []byte) (data []byte, n int, err error) { panic("todo") }

// Done tells whether the last chunk, the trailers and the final blank line were consumed.
func (c *ChunkReader) Done() bool { panic("todo") }

// Trailers are the trailer field lines that may be passed on, each with its CRLF, owned by c
// until Reset (framing, routing, authentication and hop-by-hop names are left out: RFC 9110 §6.5.1).
func (c *ChunkReader) Trailers() []byte { panic("todo") }

// Reset makes c ready for another body and keeps its memory.
func (c *ChunkReader) Reset() { panic("todo") }

// AppendChunk appends data as one chunk; nothing when data is empty.
func AppendChunk(dst, data []byte) []byte { panic("todo") }

// AppendLastChunk appends the last chunk, trailers (lines with CRLF, or nil) and the blank line.
func AppendLastChunk(dst, trailers []byte) []byte { panic("todo") }

var _ = io.EOF
