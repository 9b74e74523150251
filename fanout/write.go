package fanout

import (
	"sync/atomic"
	"time"

	"tutti/journal"
)

// write is one write from its admission to its end. It is pooled: the client, each delivery
// that is not done, and the registry while it keeps a finished one, count as references.
// Its fields are guarded by Fanout.mu but for those said to be fixed.
type write struct {
	// Fixed before it is accepted, read by everybody after.
	id       [16]byte
	key      [34]byte // the id as an Idempotency-Key: a quoted string of 32 hex digits
	seq      uint64
	accepted int64  // clock.Now
	head     bool   // the request is a HEAD
	line     []byte // "METHOD path"
	methodN  int    // of them the method

	// Fixed when it is accepted.
	keyed bool     // it has an ordering key
	order orderKey // that
	lane  *lane    // of that key; nil: unordered, or no delivery holds on to it
	holds int      // deliveries that do: those in memory's lines, and parked ones

	// Likewise, of a write with an Idempotency-Key of the client's.
	scoped     bool
	scope      scope
	print      fingerprint
	first      *write // of one that is not accepted, since it repeats that one's request
	dismissals uint64 // records.dismissals when the journal was asked for its scope
	record     *reply // of an earlier write in its scope, that is settled: what to answer

	voided refusal // why it was not accepted after all

	// Fixed before the first delivery begins. It goes back when the write is settled.
	request []byte  // what every backend is sent, in every attempt
	memory  *buffer // it is in

	size       int64 // bytes counted for it in the ledger
	prev, next *write
	class      class
	refs       int
	unfinished int    // deliveries
	composing  bool   // its request is not there yet: owe will queue its deliveries
	dirty      int    // deliveries of which the journal does not know what became, and keeping
	keeping    bool   // the journal is to keep a record of it, and does not yet
	saved      uint64 // the keeper's update in which the record got the answer; 0: none yet
	parked     int    // deliveries

	gone      bool   // not among the others any more: nothing of it counts
	known     bool   // can be found by its id
	told      bool   // a client was told something of it
	late      bool   // and that was last 202; of keyed ones
	disclosed bool   // its id was told to a client: it is kept for a while when settled
	expires   int64  // clock.Now at which a kept one is forgotten
	nextKept  *write // in the order they were settled

	firsts  int // first attempts that have ended
	refused int // the status all first attempts ended in, when that ends the write; else 0

	verdict verdict
	waiting bool          // the client's goroutine reads decided
	decided chan struct{} // of one: sent to when verdict is found while waiting
	timer   *time.Timer
	news    chan struct{} // closed when verdict is found; nil: nobody with a repeat waits
	wanted  atomic.Bool   // what the client gets is not decided: answers are of use
	good    *response     // of those that have delivered, what the client would get
	bad     *response     // of those that refused, likewise
	kept    *response     // of a keyed one: what everybody gets

	watched                bool   // it is one of the waiters: somebody reads decided or news
	prevWaiter, nextWaiter *write // of them

	deliveries []delivery
	entry      journal.Entry // while it is appended
}

// begin readies a pooled write for n backends.
func (w *write) begin(to []*deliverer) {
	if len(w.deliveries) != len(to) {
		w.deliveries = make([]delivery, len(to))
		w.decided = make(chan struct{}, 1)
	}
	for i, t := range to {
		w.deliveries[i] = delivery{w: w, to: t}
	}
	w.wanted.Store(true)
}

// reset forgets everything but the memory, for the pool.
func (w *write) reset() {
	w.seq, w.accepted, w.head = 0, 0, false
	w.line, w.methodN = w.line[:0], 0
	w.size = 0
	w.class = classNone
	w.gone, w.known, w.told, w.late, w.disclosed, w.expires = false, false, false, false, false, 0
	w.scoped, w.first, w.voided, w.kept, w.news, w.record = false, nil, admitted, nil, nil, nil
	w.keyed, w.lane, w.holds, w.composing = false, nil, 0, false
	w.dirty, w.keeping, w.saved = 0, false, 0
	w.firsts, w.refused = 0, 0
	w.verdict, w.waiting = undecided, false
}

// setID sets the id and what is derived from it.
func (w *write) setID(id [16]byte) {
	const digits = "0123456789abcdef"
	w.id = id
	w.key[0], w.key[33] = '"', '"'
	for i, b := range id {
		w.key[1+2*i], w.key[2+2*i] = digits[b>>4], digits[b&15]
	}
}

// idString is the id on pages.
func (w *write) idString() string { return string(w.key[1:33]) }
