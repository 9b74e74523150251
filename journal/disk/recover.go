package disk

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"

	"tutti/journal"
)

// How long is waited before the store is opened again, doubling.
const (
	firstWait = 100 * time.Millisecond
	longWait  = 5 * time.Second
)

// recover closes the store that failed and opens it again, until that succeeds; nil: Close came
// before.
func (j *Journal) recover() *store {
	synced := j.abandon()
	timer := time.NewTimer(firstWait)
	defer timer.Stop()
	for wait := firstWait; ; wait = min(2*wait, longWait) {
		select {
		case <-j.stop:
			return nil
		case <-timer.C:
		}
		s, err := j.reopen(synced)
		if err == nil {
			j.o.Log.Info("the journal can be written again")
			return s
		}
		j.o.Log.Debug("the journal still can't be written", "error", err)
		timer.Reset(wait)
	}
}

// abandon closes the store that failed, and returns the last batch that is known to be on disk.
func (j *Journal) abandon() (synced uint64) {
	j.order.Lock()
	defer j.order.Unlock()
	j.life.Lock()
	defer j.life.Unlock()
	j.o.Log.Error("the journal can't be written", "error", j.store.fence.cause())
	synced = j.store.synced.Load()
	_ = j.store.close()
	j.store = nil
	return synced
}

// reopen opens the store and makes it what it is said to be: without what was refused, with what
// was not.
func (j *Journal) reopen(synced uint64) (*store, error) {
	if free, known := j.room.ask(); known && free < j.room.min {
		return nil, fmt.Errorf("%d bytes are free, %d have to be", free, j.room.min)
	}
	s, err := j.dir.openStore(synced, false)
	if err != nil {
		return nil, err
	}
	j.order.Lock()
	defer j.order.Unlock()
	j.batch = s.chain.last
	if err := j.restore(s); err != nil {
		return nil, errors.Join(err, s.close())
	}
	j.landed(j.batch)
	j.flying, j.redo = nil, nil
	j.registered = true
	s.synced.Store(j.batch)
	j.life.Lock()
	defer j.life.Unlock()
	j.store = s
	return s, nil
}

// restore does again what may be lost, and voids what was refused.
func (j *Journal) restore(s *store) error {
	b := s.db.NewBatch()
	j.batch++
	_ = b.Merge(chainKey, link(j.batch, s.synced.Load(), j.index.last).append(nil), nil)
	for _, d := range j.redo {
		if err := doAgain(b, d); err != nil {
			return err
		}
	}
	if err := j.void(s, b); err != nil {
		return err
	}
	j.register(b)
	from, to := all(liveKey)
	_ = b.DeleteRange(from, to, nil)
	for no := range j.index.blocks {
		j.scratch.blocks = append(j.scratch.blocks, no)
	}
	j.writeBlocks(b)
	if err := s.db.Apply(b, pebble.Sync); err != nil {
		return fmt.Errorf("cannot restore it: %w", err)
	}
	return s.fence.cause()
}

// doAgain adds what a batch did, but for its link.
func doAgain(b *pebble.Batch, d done) error {
	repr := d.repr
	if d.batch != nil {
		repr = d.batch.Repr()
	}
	r := batchrepr.Read(repr)
	for {
		kind, key, value, ok, err := r.Next()
		switch {
		case err != nil:
			return fmt.Errorf("cannot read a batch: %w", err)
		case !ok:
			return nil
		case kind == pebble.InternalKeyKindSet:
			_ = b.Set(key, value, nil)
		case kind == pebble.InternalKeyKindDelete:
			_ = b.Delete(key, nil)
		case kind == pebble.InternalKeyKindRangeDelete:
			_ = b.DeleteRange(key, value, nil)
		}
	}
}

// void removes the entries that were refused, from memory too.
func (j *Journal) void(s *store, b *pebble.Batch) error {
	j.index.Lock()
	defer j.index.Unlock()
	var k key
	for _, f := range j.flying {
		for _, seq := range f.seqs {
			j.index.void(seq)
			_ = b.Delete(k.entry(seq), nil)
		}
		for i := range f.scopes {
			v, closer, err := s.db.Get(k.scope(f.scopes[i].scope))
			if errors.Is(err, pebble.ErrNotFound) {
				continue
			}
			if err != nil {
				return fmt.Errorf("cannot read it: %w", err)
			}
			seq, _ := decodeSeq(v)
			closer.Close()
			if seq == f.scopes[i].seq {
				_ = b.Delete(k.scope(f.scopes[i].scope), nil)
			}
		}
	}
	return nil
}

// scopeOf is what a client's key was said to find.
type scopeOf struct {
	scope journal.Scope
	seq   uint64
}
