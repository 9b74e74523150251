package disk

import (
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"tutti/journal"
)

const (
	// tick is how long an update may wait for its sync: journal.Journal promises that much.
	tick = 50 * time.Millisecond

	// maxBatch is about how much is written in one batch.
	maxBatch = 1 << 20
)

// append is the goroutine that makes entries durable, a batch of them at a time.
func (j *Journal) append() {
	var requests []*request
	timer := time.NewTimer(tick)
	timer.Stop()
	armed := false // more updates do not put the sync off
	for {
		select {
		case <-j.queue.filled:
			j.queue.gather()
			requests = j.queue.take(requests)
			j.appendAll(requests)
			clear(requests)
		case <-j.updated:
			if !armed {
				timer.Reset(tick)
				armed = true
			}
		case <-timer.C:
			armed = false
			j.sync()
		case <-j.stop:
			timer.Stop()
			j.appendAll(j.queue.take(requests))
			return
		}
	}
}

func (j *Journal) appendAll(requests []*request) {
	for len(requests) > 0 {
		n, size := 0, 0
		for n < len(requests) && (n == 0 || size+requests[n].size <= maxBatch) {
			size += requests[n].size
			n++
		}
		j.commit(requests[:n])
		requests = requests[n:]
	}
}

// commit makes the entries of some requests durable.
func (j *Journal) commit(requests []*request) {
	j.order.Lock()
	if err := j.ready(); err != nil {
		j.order.Unlock()
		answer(requests, err)
		return
	}
	requests = j.admit(requests)
	if len(requests) == 0 {
		j.order.Unlock()
		return
	}
	b := j.store.db.NewBatch()
	j.begin(b, highest(requests, j.index.last))
	f := j.addEntries(b, requests)
	s, err := j.applySynced(b)
	if err == nil {
		j.flying = append(j.flying, f)
	}
	j.order.Unlock()
	if err != nil {
		answer(requests, err)
		return
	}
	if j.wait(s, b, f.number) {
		_ = b.Close()
		answer(requests, nil)
		return
	}
	answer(requests, journal.ErrUncertain)
}

// admit refuses what there is no room for, and returns the others.
func (j *Journal) admit(requests []*request) []*request {
	return slices.DeleteFunc(requests, func(r *request) bool {
		if j.room.take(r.size) {
			return false
		}
		r.err <- journal.ErrFull
		return true
	})
}

func highest(requests []*request, last uint64) uint64 {
	for _, r := range requests {
		last = max(last, r.entry.Seq)
	}
	return last
}

func answer(requests []*request, err error) {
	for _, r := range requests {
		r.err <- err
	}
}

// addEntries adds the entries of some requests, and the blocks they are in, to a batch.
func (j *Journal) addEntries(b *pebble.Batch, requests []*request) flight {
	f := flight{number: j.batch, seqs: make([]uint64, 0, len(requests))}
	var k key
	for _, r := range requests {
		e := r.entry
		op := b.SetDeferred(len(k.entry(e.Seq)), r.size)
		copy(op.Key, k.entry(e.Seq))
		appendEntry(op.Value[:0], e)
		_ = op.Finish()
		f.seqs = append(f.seqs, e.Seq)
		if e.Scope != (journal.Scope{}) {
			f.scopes = append(f.scopes, scopeOf{e.Scope, e.Seq})
			_ = b.Set(k.scope(e.Scope), appendSeq(j.scratch.value[:0], e.Seq), nil)
		}
	}
	j.index.Lock()
	defer j.index.Unlock()
	for _, r := range requests {
		j.scratch.touch(j.index.add(r.entry.Seq, r.entry.Scope != journal.Scope{}))
	}
	j.writeBlocks(b)
	return f
}

// wait waits for the sync of a batch, and tells whether it succeeded.
func (j *Journal) wait(s *store, b *pebble.Batch, number uint64) bool {
	if !j.o.asleep {
		_ = b.SyncWait() // the fence knows
	}
	j.order.Lock()
	defer j.order.Unlock()
	// Asked under the lock: what is acknowledged is not among flying any more when that is voided.
	switch {
	case number <= s.synced.Load():
	case s.fence.closed.Load():
		return false
	default:
		s.synced.Store(number)
		j.landed(number)
	}
	return true
}

// landed forgets what is on disk: a batch, and so all before it.
func (j *Journal) landed(number uint64) {
	j.flying = slices.DeleteFunc(j.flying, func(f flight) bool { return f.number <= number })
	j.redo = slices.DeleteFunc(j.redo, func(d done) bool {
		if d.number > number {
			return false
		}
		if d.batch != nil {
			_ = d.batch.Close()
		}
		return true
	})
}

// sync brings to disk what was applied without a sync.
func (j *Journal) sync() {
	j.order.Lock()
	if j.ready() != nil || len(j.redo) == 0 {
		j.order.Unlock()
		return
	}
	b := j.store.db.NewBatch()
	j.begin(b, j.index.last)
	number := j.batch
	s, err := j.applySynced(b)
	j.order.Unlock()
	if err == nil && j.wait(s, b, number) {
		_ = b.Close()
	}
}
