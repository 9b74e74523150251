package accesslog

import (
	"net/netip"
	"time"
)

// Entry is one request as it is logged. Its slices are anybody's bytes: they are escaped, and
// shortened to what a line may take.
type Entry struct {
	Time               time.Time // when the answer had been sent
	Client             netip.Addr
	Line               []byte // the request line
	Status             int
	Bytes              int64 // sent of the body
	Referer, UserAgent []byte

	Duration  time.Duration // from the head's end
	Route     string        // "balance", "fanout", "own" or "refused"
	Backend   string        // of a read; "": none was asked
	Backends  int           // of a write, else 0: how many are to have it
	Delivered int           // of them those that had it when the client was answered
	Tries     int
	Upstream  time.Duration // of them all
	RequestID []byte        // nil: nothing was forwarded
	WriteID   string        // "": the client was told none
}

// How many bytes a line takes at most of each field, escaped.
const (
	maxLine    = 4096
	maxReferer = 2048
	maxAgent   = 1024
	maxWord    = 512
)
