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

// decide looks at a write's deliveries. need is how many must have delivered, or, if fewer are
// not in held, all of those: a held backend is not waited for, though what it has delivered
// counts. While every backend is held only time decides. It never returns late or stopped, which
// are a matter of time.
func decide(ds []delivery, need int, held uint64) verdict {
	var done, open, refusals int
	asked, askedDone := 0, 0
	status := 0
	for i := range ds {
		isAsked := held&(1<<i) == 0
		if isAsked {
			asked++
		}
		switch d := &ds[i]; d.state {
		case delivered:
			done++
			if isAsked {
				askedDone++
			}
		case sending, waiting:
			if isAsked || held == everyOf(ds) {
				open++
			}
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
	case done >= need || asked > 0 && askedDone >= min(need, asked):
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

// everyOf has a bit for each delivery.
func everyOf(ds []delivery) uint64 { return 1<<len(ds) - 1 }
