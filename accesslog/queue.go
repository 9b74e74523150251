package accesslog

import "sync"

// queue is the lines that wait to be written, in blocks. It never waits for anything but its
// lock, under which lines are copied and blocks change hands.
type queue struct {
	mu      sync.Mutex
	filling block   // lines are appended to
	full    []block // in order
	spare   [][]byte
	made    int // blocks there are in all
	closed  bool
}

// block is a run of whole lines.
type block struct {
	b     []byte
	lines uint64
}

// waiting says what there is to do after a line was added.
type waiting uint8

const (
	nothing waiting = iota
	some            // the first line: it is to be written after a while
	many            // a block is full: it is to be written now, what is in the next after a while
	dropped         // there was no room
)

// add adds a line, which is shorter than a block.
func (q *queue) add(line []byte) waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(line) > blockSize {
		return dropped
	}
	what := nothing
	if len(q.filling.b)+len(line) > cap(q.filling.b) {
		if !q.turnLocked() {
			return dropped
		}
		if len(q.full) > 0 {
			what = many
		}
	}
	if what == nothing && q.filling.lines == 0 {
		what = some
	}
	q.filling.b = append(q.filling.b, line...)
	q.filling.lines++
	return what
}

// turnLocked begins another block; false: there may be no more.
func (q *queue) turnLocked() bool {
	var fresh []byte
	switch n := len(q.spare); {
	case n > 0:
		fresh = q.spare[n-1]
		q.spare = q.spare[:n-1]
	case q.made < maxBlocks:
		fresh = make([]byte, 0, blockSize)
		q.made++
	default:
		return false
	}
	if cap(q.filling.b) > 0 {
		q.full = append(q.full, q.filling)
	}
	q.filling = block{b: fresh[:0]}
	return true
}

// take returns what is to be written next, in order: a full block, or with all the one that
// is being filled; nothing when there are no lines.
func (q *queue) take(all bool) block {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.full) > 0:
		b := q.full[0]
		n := copy(q.full, q.full[1:])
		q.full[n] = block{}
		q.full = q.full[:n]
		return b
	case all && q.filling.lines > 0:
		b := q.filling
		q.filling = block{}
		return b
	default:
		return block{}
	}
}

// give gives a block back that was written.
func (q *queue) give(b block) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = append(q.spare, b.b[:0])
}

// close takes no more lines.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}
