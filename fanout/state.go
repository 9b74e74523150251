package fanout

// state is where a delivery is.
//
//	sending ⇄ waiting → parked        (parked → waiting: taken up again)
//	   ↓         ↓         ↓
//	delivered | rejected | dropped
type state uint8

const (
	sending   state = iota // somebody is at it; that goroutine alone ends this state
	waiting                // owed: in its deliverer's queue
	parked                 // given up for now, out of everybody's way
	delivered              // the backend has it
	rejected               // the backend, or all of them, refused it for good
	dropped                // an operator gave it up
)

// unfinished: somebody will still try.
func (s state) unfinished() bool { return s <= waiting }

// done: nothing will change any more.
func (s state) done() bool { return s >= delivered }

// String is the word on pages.
func (s state) String() string {
	switch s {
	case sending:
		return "sending"
	case waiting:
		return "waiting"
	case parked:
		return "parked"
	case delivered:
		return "delivered"
	case rejected:
		return "rejected"
	case dropped:
		return "dropped"
	}
	return "unknown"
}

// class is what the accounting makes of a whole write.
type class uint8

const (
	classNone    class = iota // not accepted (yet)
	classPending              // some backend owes it still
	classParked               // none does, but some delivery is parked
	classSettled              // every delivery is delivered, rejected or dropped
)

// String is the word on pages.
func (c class) String() string {
	switch c {
	case classPending:
		return "pending"
	case classParked:
		return "parked"
	case classSettled:
		return "settled"
	case classNone:
	}
	return "unknown"
}
