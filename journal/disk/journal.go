package disk

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"tutti/journal"
)

// Journal is a journal.Journal on disk.
type Journal struct {
	o     Options
	dir   *directory
	index *index
	state atomic.Pointer[journal.State]
	room  room
	queue queue

	// order is held while a batch is built and applied, so that batches come one after the other.
	order      sync.Mutex
	store      *store   // nil: it failed and is not open again, or Close was called; life guards it too
	batch      uint64   // the last batch's number
	registered bool     // the names of the backends are written
	due        int64    // no record expires before
	redo       []done   // updates that are not known to be on disk
	flying     []flight // appends that wait for their sync
	scratch    scratch
	updated    chan struct{} // holds one while something waits for a sync

	// life is held for reading while store is read from, for writing, with order, to change it.
	life sync.RWMutex
	shut bool // Close was called

	stop    chan struct{} // closed by Close
	running sync.WaitGroup
	closing sync.Once
}

var _ journal.Journal = (*Journal)(nil)

// done is a batch that is done again if the log fails.
type done struct {
	number uint64
	batch  *pebble.Batch
	repr   []byte // if the batch does not keep it
}

// flight are the entries of a batch that waits for its sync.
type flight struct {
	number uint64
	seqs   []uint64
	scopes []scopeOf
}

// Open opens a journal, and makes it if it is not there.
func Open(o Options) (*Journal, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	dir, err := openDirectory(&o)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		o: o, dir: dir, index: newIndex(),
		updated: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	j.queue.init()
	if err := j.start(); err != nil {
		_ = dir.close()
		return nil, fmt.Errorf("cannot open the journal in %s: %w", o.Dir, err)
	}
	return j, nil
}

// start opens the store and reads what is held in memory.
func (j *Journal) start() error {
	j.room.init(j.dir)
	s, err := j.dir.openStore(0, true)
	if err != nil {
		return err
	}
	j.store, j.batch = s, s.synced.Load()
	if err := j.load(); err != nil {
		return errors.Join(err, s.close())
	}
	j.room.set(s.size())
	if reached := j.dir.evidence.reached; reached > j.batch {
		j.o.Log.Error("the journal's end is missing", "dir", j.o.Dir, "batches", reached-j.batch)
	}
	j.dir.evidence.note(*s.log.Load(), j.batch)
	j.running.Go(j.append)
	j.running.Go(j.keep)
	return nil
}

// State implements journal.Journal.
func (j *Journal) State() (*journal.State, error) {
	if s := j.state.Swap(nil); s != nil {
		return s, nil
	}
	return nil, errors.New("the journal's state was asked for already")
}

// Append implements journal.Journal.
func (j *Journal) Append(e *journal.Entry) error {
	if j.o.OnAppend == nil {
		return j.queue.wait(e)
	}
	begun := time.Now()
	err := j.queue.wait(e)
	j.o.OnAppend(time.Since(begun))
	return err
}

// Read implements journal.Journal.
func (j *Journal) Read(seq uint64, e *journal.Entry) error {
	there := j.index.has(seq)
	var k key
	return j.get(k.entry(seq), there, func(b []byte) error {
		if err := decodeEntry(b, seq, e); err != nil {
			return fmt.Errorf("entry %d is %w", seq, err)
		}
		return nil
	})
}

// Note implements journal.Journal.
func (j *Journal) Note(backend int, seq uint64) (n journal.Note, err error) {
	number := j.index.backends[backend].number
	there, noted := j.index.note(seq, number)
	if there && !noted {
		return n, j.get(nil, true, nil)
	}
	var k key
	err = j.get(k.note(number, seq), there, func(b []byte) (err error) {
		if n, err = decodeNote(b); err != nil {
			return fmt.Errorf("what is noted of entry %d is %w", seq, err)
		}
		return nil
	})
	if there && errors.Is(err, journal.ErrNotFound) {
		return n, nil // it is only just being noted
	}
	return n, err
}

// Kept implements journal.Journal.
func (j *Journal) Kept(seq uint64) (r journal.Kept, err error) {
	var k key
	err = j.get(k.kept(seq), true, func(b []byte) (err error) {
		if r, err = decodeKept(slices.Clone(b), seq); err != nil {
			return fmt.Errorf("the record of write %d is %w", seq, err)
		}
		return nil
	})
	return r, err
}

// Scoped implements journal.Journal.
func (j *Journal) Scoped(s journal.Scope) (seq uint64, err error) {
	var k key
	err = j.get(k.scope(s), true, func(b []byte) (err error) {
		if seq, err = decodeSeq(b); err != nil {
			return fmt.Errorf("what is found under a client's key is %w", err)
		}
		return nil
	})
	return seq, err
}

// get reads the value of a key, if it is there at all. A nil key: it is only asked whether one could.
func (j *Journal) get(key []byte, there bool, read func([]byte) error) error {
	j.life.RLock()
	defer j.life.RUnlock()
	switch {
	case j.shut:
		return journal.ErrClosed
	case j.store == nil || j.store.fence.closed.Load():
		return journal.ErrUnavailable
	case !there:
		return journal.ErrNotFound
	case key == nil:
		return nil
	}
	b, closer, err := j.store.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return journal.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("cannot read the journal: %w", err)
	}
	defer closer.Close()
	return read(b)
}

// Size implements journal.Journal.
func (j *Journal) Size() int64 { return j.room.size() }

// Close implements journal.Journal.
func (j *Journal) Close() (err error) {
	j.closing.Do(func() { err = j.close() })
	return err
}

func (j *Journal) close() error {
	j.queue.close()
	close(j.stop)
	j.running.Wait()
	j.sync()
	j.order.Lock()
	defer j.order.Unlock()
	j.life.Lock()
	defer j.life.Unlock()
	var err error
	if n := len(j.redo); n > 0 {
		err = fmt.Errorf("the last %d updates of the journal may be lost", n)
	}
	if j.store != nil {
		j.dir.evidence.note(*j.store.log.Load(), j.store.synced.Load())
		err = errors.Join(err, j.store.close())
	}
	j.store, j.shut = nil, true
	return errors.Join(err, j.dir.close())
}
