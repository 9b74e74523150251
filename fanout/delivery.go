package fanout

import "tutti/backend"

// delivery is one write on its way to one backend. Its fields are guarded by Fanout.mu,
// but for those of the goroutine that is sending it.
type delivery struct {
	w  *write
	to *deliverer

	state       state
	attempts    int
	status      int    // of the last answer; 0: none
	word        string // the last failure
	firstEnded  bool
	firstStatus int   // of the first attempt's answer; 0: none
	reached     bool  // some attempt got a connection
	lacking     bool  // counted at the backend as not delivered though answered
	dropping    bool  // dropped by an operator while it is being sent
	away        bool  // waiting, and in the journal only: neither queued nor in its key's line
	dirty       bool  // the journal does not know what became of it
	fromQueue   bool  // sent by the deliverer: one of its senders
	loaded      int64 // bytes that count in backlog.loaded for it

	due  int64 // clock.Now of the next attempt, while waiting for its time
	heap *deliveryHeap
	pos  int

	prev, next         *delivery // in the backend's list of unfinished and parked deliveries
	lanePrev, laneNext *delivery // in its key's line for the backend, while unfinished
	yielding           bool      // sending, and nothing is sent yet: earlier ones may still go before

	// Of the sending goroutine, handed over with the delivery.
	conn *backend.Conn // the exchange goes on on it; nil: a new one
	got  *response     // what of the answer was already read; nil: its head is still awaited
	sent int64         // clock.Now when the answer's clock was started; 0: not yet
	out  outcome
}
