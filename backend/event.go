package backend

import "time"

// event is what a change of health amounts to, for those who read the log.
type event uint8

const (
	nothing    event = iota
	wentDown         // ejected or unhealthy, and was neither
	provedWell       // an exchange or checks showed it
	wasDrained       // by an operator
	wasHeld
	wasResumed
	staysDown // wentDown, and has not been well since the last time
	isBack    // provedWell, and the log was told that it was down
)

// note is an event and what is said of it.
type note struct {
	what  event
	why   string
	out   time.Duration // how long an ejection is; 0: until its checks pass
	down  time.Duration // how long it was, or has been, down
	owing func() (owed, parked int)
}

// note keeps since when it is down, and tells what of an event is to be logged, under the lock: one
// that goes, one that goes on being down whenever it is ejected again, and one that is back.
func (h *health) note(what event, up bool, now int64) note {
	n := note{what: what, why: h.because(), owing: h.owing}
	if !up && h.down == 0 {
		h.down = now
	}
	if h.down != 0 {
		n.down = time.Duration(now - h.down)
	}
	switch {
	case what == wentDown && h.told:
		n.what = staysDown
	case what == wentDown:
		h.told = true
	case what == provedWell && h.told:
		n.what, h.told = isBack, false
	case what == provedWell:
		n.what = nothing
	}
	if h.ejected {
		n.out = h.span
	}
	if up && (!h.probation || what == provedWell) {
		h.down = 0
	}
	return n
}

// tell logs a change and counts ejections.
func (b *Backend) tell(n note) {
	if n.out > 0 && (n.what == wentDown || n.what == staysDown) {
		b.m.Ejected()
	}
	switch n.what {
	case nothing, provedWell:
	case wentDown:
		b.log.Warn("backend is down", "why", n.why, "no_reads_for", n.until())
	case staysDown:
		b.log.Warn("backend is still down", "why", n.why, "down_for", round(n.down), "no_reads_for", n.until())
	case isBack:
		owed, parked := n.owes()
		b.log.Info("backend is back", "down_for", round(n.down), "owed", owed, "parked", parked)
	case wasDrained:
		b.log.Info("backend drained: no reads, writes go on")
	case wasHeld:
		b.log.Info("backend held: no reads, and writes are owed to it, not sent")
	case wasResumed:
		owed, parked := n.owes()
		b.log.Info("backend resumed", "owed", owed, "parked", parked)
	}
}

// until is how long it takes no reads, as far as is known.
func (n *note) until() any {
	if n.out == 0 {
		return "its checks pass"
	}
	return n.out
}

func (n *note) owes() (owed, parked int) {
	if n.owing == nil {
		return 0, 0
	}
	return n.owing()
}

// round leaves of a duration what somebody reads.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
