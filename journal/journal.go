package journal

import "errors"

// Errors of a Journal. They may be wrapped with what went wrong where.
var (
	// ErrFull: there is no room for the entry. Nothing of it was written.
	ErrFull = errors.New("the journal is full")
	// ErrUnavailable: the journal failed before and has not recovered. Nothing was written.
	ErrUnavailable = errors.New("the journal can't be written")
	// ErrUncertain: the entry was not made durable, but it may be found after a crash. Should the
	// process live on, it is voided durably before another entry is taken.
	ErrUncertain = errors.New("the journal failed while writing")
	// ErrNotFound: there is no such entry or record.
	ErrNotFound = errors.New("not in the journal")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("the journal is closed")
)

// Journal is what an engine does. All methods may be called concurrently, unless they say
// otherwise. Backends are known by the index of their name in State.Backends. The journal knows
// them from the first Append or Update on, with which their names are written, and forgets then
// which ones are gone and owed nothing; who only opens it and looks changes nothing.
type Journal interface {
	// State is what was found when the journal was opened. It belongs to the caller, and is
	// called once, before anything else.
	State() (*State, error)

	// Append makes e durable. Appends that wait at the same time share one sync. Sequences
	// come in any order; none is used twice. e belongs to the caller again on return. Errors:
	// ErrFull, ErrUnavailable, ErrUncertain, ErrClosed.
	Append(e *Entry) error

	// Update notes what became of entries. It is atomic, seen by all later calls, and survives
	// a crash from the next sync on, which begins at the latest 50 ms later, or after one that is
	// running then; if u.Sync is set, on return. After an error nothing was noted and the caller
	// notes it again later. u and what it refers to belong to the caller again on return. Errors:
	// ErrUnavailable, ErrUncertain, ErrClosed.
	Update(u *Update) error

	// Read reads the entry of a sequence into e, whose memory is used again. Errors:
	// ErrNotFound, ErrUnavailable, ErrClosed, or what is wrong with it.
	Read(seq uint64, e *Entry) error

	// Note reads what is noted of one delivery of an entry that is there, the zero Note if
	// nothing is. Errors as of Read.
	Note(backend int, seq uint64) (Note, error)

	// Kept reads the record kept of a write, settled or not. Errors as of Read.
	Kept(seq uint64) (Kept, error)

	// Scoped finds the sequence of the last write accepted under a client's key, by its
	// entry's or record's Scope. Errors as of Read.
	Scoped(scope Scope) (seq uint64, err error)

	// Expire forgets some records whose time (Kept.Expires, Unix nanoseconds) is not after now,
	// and returns when the next is due, 0 when none is. Due may be in the past: there are more.
	Expire(now int64) (due int64, err error)

	// Size is how many bytes the journal takes on disk, about.
	Size() int64

	// Close makes everything durable, as far as it can be, and waits for what runs.
	// Errors: what could not be done.
	Close() error
}

// State is what a journal holds when it is opened.
type State struct {
	Backends []Backend // in the order of the names the engine was opened with
	Gone     []Gone    // known to the journal, but not of those names, and owed something
	Live     Set       // the sequences of the entries there are
	History  bool      // it has taken an entry before, ever
	Last     uint64    // at least the highest sequence ever used
	Secret   [16]byte  // drawn when the journal was made, and never told
	Notes    []Noted   // of all deliveries that have one
}

// Backend is what a journal knows of one.
type Backend struct {
	Name    string
	New     bool // it was not known to the journal
	Done    Set  // of the live entries: those it has, or that were given up for it
	Drained bool
	Held    bool
}

// Gone is a backend that is not there any more.
type Gone struct {
	Name   string
	Owed   int // entries it has not got
	Parked int // of them, parked
}

// Noted is a note and what it is about. Backend is an index into State.Backends.
type Noted struct {
	Backend int
	Seq     uint64
	Note    Note
}

// Update is what became of entries and backends. Empty parts change nothing.
type Update struct {
	Done    []DoneBlock // replace what was there
	Notes   []Noted     // replace what was there; a zero Note removes it
	Settled []uint64    // entries that are not needed any more, and all notes about them
	Kept    []Kept      // replace what was there
	Forget  []uint64    // sequences whose records (Kept) are forgotten
	Flags   []Flags     // replace what was there
	Sync    bool        // durable on return
}

// DoneBlock is a block of the sequences that a backend has. Bits beside live entries mean nothing.
type DoneBlock struct {
	Backend int
	Block   uint64
	Bits    Bits
}

// Flags are what an operator decided about a backend.
type Flags struct {
	Backend int
	Drained bool
	Held    bool
}
