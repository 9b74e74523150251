package backend

// Outcome is what became of one exchange; retrying is decided above this package, by this word.
type Outcome uint8

// The outcomes.
const (
	Served    Outcome = iota // a final answer's head was received
	Unsent                   // nothing of the request can have been acted on: safe to try elsewhere
	Ambiguous                // sent, in part or whole, and not answered: it may have been done
)
