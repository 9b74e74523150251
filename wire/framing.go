package wire

// Framing says how a body is delimited.
type Framing uint8

// How a body is delimited (RFC 9112 §6.3).
const (
	NoBody Framing = iota
	Length
	Chunks
	UntilClose
)
