package wire

// Response is the head of a backend's answer after the strict pass. Slices alias the head.
type Response struct {
	Head   []byte
	Minor  int
	Status int    // 100 to 599 (999 is refused)
	Reason []byte // may be empty

	Fields []Field

	ContentLength int64 // -1: none given
	Chunked       bool
	KeepAlive     bool   // what the backend offered
	Upgrade       []byte // as in Request

	has uint32
}

// Has tells whether a field of this kind was there.
func (r *Response) Has(k Kind) bool { return r.has&(1<<k) != 0 }

// Framing says how a body is delimited.
type Framing uint8

// How a body is delimited (RFC 9112 §6.3).
const (
	NoBody Framing = iota
	Length
	Chunks
	UntilClose
)
