package disk

import (
	"runtime"
	"sync"

	"tutti/journal"
)

// queue holds the appends that wait for a batch.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	closed  bool
	filled  chan struct{} // holds one while somebody may be waiting
	pool    sync.Pool
}

// enough appends for a sync.
const enough = 256

// request is an append that waits.
type request struct {
	entry *journal.Entry
	size  int
	err   chan error
}

func (q *queue) init() {
	q.filled = make(chan struct{}, 1)
	q.pool.New = func() any { return &request{err: make(chan error, 1)} }
}

// wait has e appended.
func (q *queue) wait(e *journal.Entry) error {
	r := q.pool.Get().(*request)
	r.entry, r.size = e, entrySize(e)
	if !q.put(r) {
		return journal.ErrClosed
	}
	err := <-r.err
	r.entry = nil
	q.pool.Put(r)
	return err
}

func (q *queue) put(r *request) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.waiting = append(q.waiting, r)
	first := len(q.waiting) == 1
	q.mu.Unlock()
	if first {
		signal(q.filled)
	}
	return true
}

// gather lets what is about to append do so before the next sync, as long as more of them come: a sync
// costs the processor as much as a write does, and those it woke would otherwise wait for the one that the
// first of them begins. A writer that is alone waits for nothing.
func (q *queue) gather() {
	for n := 0; ; {
		q.mu.Lock()
		now := len(q.waiting)
		q.mu.Unlock()
		if now == n || now >= enough {
			return
		}
		n = now
		runtime.Gosched()
	}
}

// take takes all that wait; the queue uses the memory of into again.
func (q *queue) take(into []*request) []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	took := q.waiting
	q.waiting = into[:0]
	return took
}

// close lets nobody in any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// signal leaves something in c, which holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
