package fanout

// verdict is what the client of a write is told.
type verdict uint8

const (
	undecided    verdict = iota
	acknowledged         // enough backends have delivered: the answer of one of them
	refused              // all rejected it with one status: that answer
	failed               // --ack can't be met any more: 502 with each backend's state
	late                 // undecided at --ack-timeout: 202
	stopped              // undecided when we stop: 502
)

// decide looks at a write's deliveries. need is how many must have delivered. It never
// returns late or stopped, which are a matter of time.
func decide(ds []delivery, need int) verdict {
	var done, open, refusals int
	status := 0
	for i := range ds {
		switch d := &ds[i]; d.state {
		case delivered:
			done++
		case sending, waiting:
			open++
		case rejected:
			if refusals == 0 {
				status = d.status
			}
			if d.status == status {
				refusals++
			}
		case parked, dropped:
		}
	}
	switch {
	case done >= need:
		return acknowledged
	case open > 0:
		// Also when it can't be met any more: what the others do decides what is said.
		return undecided
	case refusals == len(ds):
		return refused
	default:
		return failed
	}
}
