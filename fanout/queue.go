package fanout

// fastSenders is up to how many senders a queue grows by one with each success, twice as many
// every round. Beyond, it grows by one every round, to maxSenders at most.
const (
	fastSenders = 64
	maxSenders  = 4096
)

// busyPause is how long at most a queue rests when the backend had no free connection, in ns:
// until one of ours is free, but others hold connections, too.
const busyPause = 50_000_000

// queue is what one backend is owed and nobody is sending: a single-threaded core that
// Fanout.mu is the lock of. While the backend is down only the first delivery is tried, one
// at a time and with a pause after each failure; when it is back they go in order, at first
// one at a time and then at a growing pace.
type queue struct {
	ready   deliveryHeap // in the order they were accepted
	waiting deliveryHeap // a wait of their own after an answer that was not a success, by its end

	held    bool  // by an operator: nothing begins, and the pace is as after a return
	sending int   // deliveries to this backend that are being sent, whoever sends them
	senders int   // those of them that were queued
	limit   int   // of sending, for a queued one to begin; 1 to maxSenders
	steep   int   // up to which limit grows with each success
	streak  int   // successes since it last grew, beyond steep
	gate    int64 // clock.Now before which nothing is tried while the backend is down
	rest    int64 // clock.Now before which nothing is tried: no free connection
}

func newQueue() queue {
	return queue{
		ready:   deliveryHeap{less: bySequence},
		waiting: deliveryHeap{less: byDue},
		limit:   maxSenders,
		steep:   fastSenders,
	}
}

// open tells whether a new write may be sent at once, beside the queue: nothing that is due
// is before it.
func (q *queue) open(up bool) bool { return up && !q.held && q.ready.len() == 0 }

// add queues d, to be tried as soon as its turn comes.
func (q *queue) add(d *delivery) {
	d.due = 0
	q.ready.push(d)
}

// addAt queues d, to be tried when its time (clock.Now) has come.
func (q *queue) addAt(d *delivery, due int64) {
	d.due = due
	q.waiting.push(d)
}

// again queues d, when its time has come if that is still to come.
func (q *queue) again(d *delivery, now int64) {
	switch {
	case d.heap != nil:
	case d.due > now:
		q.addAt(d, d.due)
	default:
		q.add(d)
	}
}

// remove takes d out if it is queued.
func (q *queue) remove(d *delivery) {
	if d.heap != nil {
		d.heap.remove(d)
	}
}

// next takes out the delivery to send now, nil when there is none; each ends with ended.
func (q *queue) next(now int64, up bool) *delivery {
	if !up || q.held {
		q.limit, q.steep = 1, fastSenders
	}
	for q.waiting.len() > 0 && q.waiting.min().due <= now {
		q.ready.push(q.waiting.pop())
	}
	if q.ready.len() == 0 || !q.may(now, up) {
		return nil
	}
	q.senders++
	d := q.ready.pop()
	d.fromQueue = true
	return d
}

// may tells whether another sender may begin.
func (q *queue) may(now int64, up bool) bool {
	switch {
	case q.held || now < q.rest:
		return false
	case !up:
		return q.senders == 0 && now >= q.gate
	default:
		// One always: those that hang must not keep the queue from a backend that is back.
		return q.senders == 0 || q.sending < q.limit
	}
}

// wake is when next may have something that it has not now, if nobody calls before: at 0, never.
func (q *queue) wake(now int64, up bool) (at int64) {
	if q.waiting.len() > 0 {
		at = q.waiting.min().due
	}
	if q.ready.len() == 0 || q.held {
		return at
	}
	blocked := q.rest
	if !up {
		if q.senders > 0 {
			return at // its end is what is waited for
		}
		blocked = max(blocked, q.gate)
	}
	if blocked > now && (at == 0 || blocked < at) {
		at = blocked
	}
	return at
}

// heard notes what an attempt showed about the backend. wait is the formula's after this
// attempt; up is what the backend says after it.
func (q *queue) heard(k kind, success bool, wait, now int64, up bool) {
	switch k {
	case answered:
		q.gate, q.rest = 0, 0
		switch {
		case success:
			q.grow()
		case !up: // its checks fail, and it does not do what it is asked: the others need not try
			q.gate = now + wait
		}
	case unreachable, broken:
		q.limit, q.rest = max(q.limit/2, 1), 0
		if !up {
			q.gate = max(q.gate, now+wait)
		}
	case busy:
		q.limit = max(q.sending-1, 1) // the others are what there are connections for
		q.steep, q.streak = q.limit, 0
		q.rest = now + busyPause
	case cut:
	}
}

// grow heeds a success.
func (q *queue) grow() {
	if q.limit < q.steep {
		q.limit++
		return
	}
	if q.streak++; q.streak >= max(q.limit, fastSenders) {
		q.streak = 0
		q.limit = min(q.limit+1, maxSenders)
	}
}

// ended notes that a delivery of the queue is not being sent any more.
func (q *queue) ended(d *delivery) {
	if d.fromQueue {
		d.fromQueue = false
		q.senders--
	}
}

// returned notes that the backend can be reached again.
func (q *queue) returned() { q.gate = 0 }
