package fanout

import (
	"strconv"
	"time"
)

// View is one write as pages show it: never its header or body.
type View struct {
	ID       string         `json:"id"`
	State    string         `json:"state"` // "pending", "settled" or "parked"
	Durable  bool           `json:"durable"`
	Accepted time.Time      `json:"accepted"`
	Method   string         `json:"method,omitempty"` // left out on --listen, as are Path and Sequence
	Path     string         `json:"path,omitempty"`   // with its query, as the client sent it
	Sequence uint64         `json:"sequence,omitempty"`
	Backends []DeliveryView `json:"backends"`
}

// DeliveryView is what became of a write on one backend.
type DeliveryView struct {
	Backend     Ref        `json:"backend"`
	State       string     `json:"state"`    // "sending", "waiting", "delivered", "rejected", "parked" or "dropped"
	Attempts    int        `json:"attempts"` // ended ones; since the last retry by an operator
	Status      int        `json:"status,omitempty"`
	Error       string     `json:"error,omitempty"` // of the last attempt, a word of Proxy-Status
	NextAttempt *time.Time `json:"next_attempt,omitempty"`
}

// Ref names a backend: by its "host:port", or, where that is nobody's business, by its
// position in --backend (1, 2, …). It marshals to a JSON string or number.
type Ref struct {
	Name     string
	Position int
}

// MarshalJSON implements json.Marshaler.
func (r Ref) MarshalJSON() ([]byte, error) {
	if r.Name != "" {
		return strconv.AppendQuote(nil, r.Name), nil
	}
	return strconv.AppendInt(nil, int64(r.Position), 10), nil
}

// Filter selects writes for List. The zero value selects the first 100 of all.
type Filter struct {
	State   string // "pending", "parked", "settled" (with a journal those of the last moment only); empty: any
	Backend string // "host:port": only writes this backend still owes or has parked; empty: any
	After   uint64 // only sequences above
	Limit   int    // 0: 100; at most 1000
}
