// Package answer writes the answers Tutti makes itself: application/problem+json
// (RFC 9457) with Proxy-Status (RFC 9209).
package answer

// Problem is one such answer. Zero fields are left out.
type Problem struct {
	Status     int
	Error      string // Proxy-Status error=, e.g. "destination_unavailable"
	Detail     string // a sentence; never a peer's bytes, an address or an error's text
	RetryAfter int    // seconds
	Allow      string // for 405
	Location   string // for 202
	ID         string // a write's
	Members    []byte // further JSON members, each starting with a comma: `,"backends":[...]`
}

// Reply says how it goes to the client.
type Reply struct {
	Head      bool // the request was HEAD: no body
	KeepAlive bool
	Minor     int // the client's HTTP/1.x
}

// Append appends the whole answer, head and body. It does not allocate beyond growing dst.
func Append(dst []byte, p *Problem, r Reply) []byte { panic("todo") }

// Date appends the current time as an IMF-fixdate, from a cache of one second.
func Date(dst []byte) []byte { panic("todo") }
