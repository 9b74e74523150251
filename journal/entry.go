package journal

// Scope is what a client's idempotency key stands for: a hash of the key and of whose it is.
// The zero value: none was given.
type Scope [16]byte

// Entry is an accepted write.
type Entry struct {
	Seq         uint64
	ID          [16]byte
	Accepted    int64    // Unix nanoseconds
	Keyed       bool     // it has an ordering key
	Order       [16]byte // a hash of that
	Scope       Scope
	Fingerprint [16]byte // of the request, if there is a Scope
	Head        bool     // the request is a HEAD
	Disclosed   bool     // the client is told the id in any case
	Method      []byte
	Target      []byte // path and query, as the client sent them
	Request     []byte // what every backend is sent
}

// Note is what became of a delivery other than that it went well at once. The zero value: nothing.
type Note struct {
	State    NoteState
	Attempts uint32
	Status   uint16 // of the last answer; 0: none
	Word     string // the last failure, as Proxy-Status says it; at most 255 bytes
	Reached  bool   // some attempt has reached the backend
	Passed   bool   // a later entry of its ordering key was sent to the backend
	Keyed    bool   // the entry has an ordering key
	Order    [16]byte
}

// NoteState is where a delivery is.
type NoteState uint8

// The states that are noted.
const (
	NoteNone NoteState = iota
	NoteOwed           // tried and to be tried again
	NoteParked
	NoteRejected
	NoteDropped
)

// Kept is the record of a write that may be asked for again: by its id, or under its client's key.
type Kept struct {
	Seq     uint64
	Scope   Scope
	Expires int64 // Unix nanoseconds; 0: never, since the write is not settled
	Data    []byte
}
