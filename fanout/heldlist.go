package fanout

// heldList holds one backend's unfinished and parked deliveries in the order they were
// accepted. A parked one that is taken up again is still in its place.
type heldList struct {
	first, last *delivery
	oldest      *delivery // all before it are parked; moved on when somebody asks
}

// insert adds d by its sequence, which is the highest or nearly.
func (l *heldList) insert(d *delivery) {
	before := l.last
	for before != nil && before.w.seq > d.w.seq {
		before = before.prev
	}
	d.prev = before
	if before == nil {
		d.next, l.first = l.first, d
	} else {
		d.next, before.next = before.next, d
	}
	if d.next == nil {
		l.last = d
	} else {
		d.next.prev = d
	}
	l.resumed(d)
}

// remove takes d out.
func (l *heldList) remove(d *delivery) {
	if l.oldest == d {
		l.oldest = d.next
	}
	if d.prev == nil {
		l.first = d.next
	} else {
		d.prev.next = d.next
	}
	if d.next == nil {
		l.last = d.prev
	} else {
		d.next.prev = d.prev
	}
	d.prev, d.next = nil, nil
}

// resumed tells the list that d, which is in it, is not parked any more.
func (l *heldList) resumed(d *delivery) {
	if l.oldest == nil || d.w.seq < l.oldest.w.seq {
		l.oldest = d
	}
}

// oldestOwed is the first that is not parked, or nil.
func (l *heldList) oldestOwed() *delivery {
	for l.oldest != nil && l.oldest.state == parked {
		l.oldest = l.oldest.next
	}
	return l.oldest
}
