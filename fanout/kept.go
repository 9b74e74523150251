package fanout

// final tells whether the verdict on w is its last. That --ack can't be met is not, for a keyed
// write: what was parked may be delivered after all, and a repeat of the request then waits for it.
func (w *write) final() bool {
	return w.verdict != undecided && !(w.scoped && w.verdict == failed)
}

// keepLocked makes a keyed write's answer, now that there is a verdict, the one that every request
// with the key gets: nobody has been told it yet. What it consists of does not change from here on.
// More than MaxPendingBytes are not held for it: then it is the status alone, for everybody.
func (f *Fanout) keepLocked(w *write) {
	if !w.final() {
		return
	}
	a := f.takeAnswerLocked(w)
	f.ledger.weigh(w, a.size())
	if size := a.size(); size > smallAnswer && !f.ledger.fits(0) {
		f.ledger.weigh(w, -size)
		f.cutShort(a, "http_response_body_size")
	}
	a.shared = true
	a.holders.Store(1)
	w.kept = a
	w.wanted.Store(false)
	f.recordAgainLocked(w)
}

// takeAnswerLocked takes the answer that goes with w's verdict, acknowledged or refused, and frees
// the others.
func (f *Fanout) takeAnswerLocked(w *write) (a *response) {
	status := w.deliveries[0].status
	switch {
	case w.verdict == acknowledged && w.good == nil: // nobody is left to ask
		a = f.statusResponse(f.successOf(w))
	case w.verdict == acknowledged:
		a, w.good = w.good, nil
	case w.bad != nil && w.bad.status == status:
		a, w.bad = w.bad, nil
	default:
		a = f.statusResponse(status)
	}
	f.ledger.weigh(w, -a.size())
	f.dropAnswersLocked(w)
	return a
}

// successOf is the status of a delivery that was a success, as far as that is known.
func (f *Fanout) successOf(w *write) int {
	for i := range w.deliveries {
		if d := &w.deliveries[i]; d.state == delivered && f.rules.success.Has(d.status) {
			return d.status
		}
	}
	return f.rules.success.lowest()
}

// dropAnswersLocked frees the answers that wait for the verdict on w.
func (f *Fanout) dropAnswersLocked(w *write) {
	f.ledger.weigh(w, -w.good.size()-w.bad.size())
	f.freeResponse(w.good)
	f.freeResponse(w.bad)
	w.good, w.bad = nil, nil
}

// held is what of a settled write still counts: the answers of a keyed one.
func (w *write) held() int64 {
	if !w.scoped {
		return 0
	}
	return w.good.size() + w.bad.size() + w.kept.size()
}

// share is a for one more, who frees it as if it were theirs alone.
func (a *response) share() *response {
	a.holders.Add(1)
	return a
}

// keptList is settled writes that can still be found, in the order they were settled, which is
// that in which their time is over.
type keptList struct{ first, last *write }

func (l *keptList) push(w *write) {
	w.nextKept = nil
	if l.last == nil {
		l.first = w
	} else {
		l.last.nextKept = w
	}
	l.last = w
}

// pop takes out the first, nil when there is none.
func (l *keptList) pop() *write {
	w := l.first
	if w == nil {
		return nil
	}
	l.first, w.nextKept = w.nextKept, nil
	if l.first == nil {
		l.last = nil
	}
	return w
}

// due is when the first one's time is over, 0 when there is none.
func (l *keptList) due() int64 {
	if l.first == nil {
		return 0
	}
	return l.first.expires
}
