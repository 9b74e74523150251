package disk

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"tutti/journal"
)

// fault is what fails: operations on files whose path holds a part.
type fault struct {
	part  string
	kinds []errorfs.OpKind
	err   error
}

var writes = []errorfs.OpKind{
	errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo,
	errorfs.OpCreate, errorfs.OpReuseForWrite, errorfs.OpRename, errorfs.OpFilePreallocate,
}

var faults = map[string]fault{
	"the log can't be synced":      {".log", []errorfs.OpKind{errorfs.OpFileSyncData, errorfs.OpFileSync}, syscall.EIO},
	"the log can't be written":     {".log", []errorfs.OpKind{errorfs.OpFileWrite}, syscall.ENOSPC},
	"the log can't be made":        {".log", []errorfs.OpKind{errorfs.OpCreate, errorfs.OpReuseForWrite}, syscall.ENOSPC},
	"the manifest can't be synced": {"MANIFEST", []errorfs.OpKind{errorfs.OpFileSync}, syscall.EIO},
	"the manifest can't be written": {
		"MANIFEST", []errorfs.OpKind{errorfs.OpFileWrite}, syscall.ENOSPC,
	},
	"no table can be written":        {".sst", []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpCreate}, syscall.ENOSPC},
	"nothing can be written":         {"", writes, syscall.ENOSPC},
	"no directory can be synced":     {"db", []errorfs.OpKind{errorfs.OpFileSync}, syscall.EIO},
	"nothing can be removed":         {"", []errorfs.OpKind{errorfs.OpRemove}, syscall.EIO},
	"the evidence can't be written":  {"newest", writes, syscall.EIO},
	"nothing can be synced anywhere": {"", []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData}, syscall.EIO},
}

// failing is a machine whose disk fails while fault says so.
type failing struct {
	*machine
	fault   atomic.Pointer[fault]
	hits    atomic.Int64
	refused atomic.Int64 // appends
	seq     atomic.Uint64
	before  atomic.Pointer[cutter] // sees what is about to change
	trips   atomic.Pointer[tripping]
	tables  atomic.Pointer[chan struct{}] // closed when tables can be begun again

	mu    sync.Mutex
	acked map[uint64]bool // appended, and nobody has begun to settle it
	gone  map[uint64]bool // settled, or void
	over  map[uint64]bool // of them, those that no crash brings back
	never map[uint64]bool // refused outright
	maybe map[uint64]bool // appended or settled with an uncertain result
}

func newFailing(t testing.TB, seed uint64) *failing {
	f := &failing{
		machine: newMachine(t, seed),
		acked:   map[uint64]bool{}, gone: map[uint64]bool{}, over: map[uint64]bool{}, never: map[uint64]bool{}, maybe: map[uint64]bool{},
	}
	f.seq.Store(base)
	f.edit = func(o *Options) {
		o.MaxSize = 8 << 20 // small tables: many logs and flushes
		o.FS = errorfs.Wrap(memory{f.machine.fs}, errorfs.InjectorFunc(f.inject))
	}
	return f
}

func (f *failing) inject(op errorfs.Op) error {
	if held := f.tables.Load(); held != nil && op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
		<-*held
	}
	if c := f.before.Load(); c != nil {
		c.step(op)
	}
	if t := f.trips.Load(); t != nil {
		if err := t.trips(op); err != nil {
			return err
		}
	}
	fault := f.fault.Load()
	if fault == nil || !strings.Contains(op.Path, fault.part) {
		return nil
	}
	if !slices.Contains(fault.kinds, op.Kind) {
		return nil
	}
	f.hits.Add(1)
	return fault.err
}

// client appends and settles until stop is closed.
func (f *failing) client(rng *rand.Rand, stop chan struct{}) error {
	var own []uint64
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		seq := f.seq.Add(1)
		err := f.j.Append(entryOf(seq, 100+rng.IntN(3000)))
		f.note(seq, err)
		switch {
		case err == nil:
			own = append(own, seq)
		case errors.Is(err, journal.ErrUncertain), errors.Is(err, journal.ErrUnavailable), errors.Is(err, journal.ErrFull):
			<-time.After(time.Millisecond)
		default:
			return fmt.Errorf("append: %w", err)
		}
		if len(own) < 10 {
			continue
		}
		if err := f.settle(own[:8], rng.IntN(4) == 0); err != nil {
			return err
		}
		own = own[8:]
	}
}

func (f *failing) note(seq uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.refused.Add(1)
	}
	switch {
	case err == nil:
		f.acked[seq] = true
	case errors.Is(err, journal.ErrUncertain):
		f.maybe[seq] = true
	default:
		f.never[seq] = true
	}
}

// settle settles entries, or, if that is refused, not.
func (f *failing) settle(seqs []uint64, sync bool) error {
	f.move(seqs, f.acked, nil)
	err := f.j.Update(&journal.Update{Settled: seqs, Sync: sync})
	switch {
	case err == nil:
		f.move(seqs, nil, f.gone)
		if sync {
			f.move(seqs, nil, f.over)
		}
	case errors.Is(err, journal.ErrUnavailable):
		f.move(seqs, nil, f.acked)
	case !errors.Is(err, journal.ErrUncertain):
		return fmt.Errorf("update: %w", err)
	}
	return nil
}

func (f *failing) move(seqs []uint64, from, to map[uint64]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, seq := range seqs {
		if from != nil {
			delete(from, seq)
		}
		if to != nil {
			to[seq] = true
		}
	}
}

// back waits until the journal can be written again. It voids what was unsure.
func (f *failing) back() {
	f.t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		seq := f.seq.Add(1)
		err := f.j.Append(entryOf(seq, 10))
		f.note(seq, err)
		if err == nil {
			break
		}
		if time.Now().After(end) {
			f.t.Fatalf("it does not recover: %v", err)
		}
		<-time.After(5 * time.Millisecond)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for seq := range f.maybe {
		f.gone[seq], f.over[seq] = true, true
	}
	clear(f.maybe)
}

// kept fails if an entry that was acknowledged and not settled is not there.
func (f *failing) kept() error {
	var e journal.Entry
	for seq := range f.acked {
		if err := f.j.Read(seq, &e); err != nil || !bytes.Equal(e.Request, entryOf(seq, len(e.Request)).Request) {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
	}
	return nil
}

// recovered fails the test unless the journal is back with every entry, now and when it is opened again.
func (f *failing) recovered() {
	f.t.Helper()
	f.back()
	f.check()
	if err := f.j.Close(); err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.open(abc, nil); err != nil {
		f.t.Fatalf("cannot open it again: %v", err)
	}
	f.check()
	if err := f.j.Close(); err != nil {
		f.t.Fatal(err)
	}
}

// check looks at every entry.
func (f *failing) check() {
	f.t.Helper()
	if err := f.kept(); err != nil {
		f.t.Fatal(err)
	}
	var e journal.Entry
	for _, set := range []map[uint64]bool{f.gone, f.never} {
		for seq := range set {
			if err := f.j.Read(seq, &e); !errors.Is(err, journal.ErrNotFound) {
				f.t.Fatalf("entry %d, refused or settled: %v", seq, err)
			}
		}
	}
}

// load has clients at work while work runs.
func (f *failing) load(clients int, work func()) error {
	stop := make(chan struct{})
	errs := make(chan error, clients)
	for range clients {
		rng := rand.New(rand.NewPCG(f.rng.Uint64(), 0))
		go func() { errs <- f.client(rng, stop) }()
	}
	work()
	close(stop)
	var err error
	for range clients {
		err = errors.Join(err, <-errs)
	}
	return err
}

func TestTheDiskFailsAndIsBack(t *testing.T) {
	for name, what := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			f := newFailing(t, seed)
			if _, err := f.open(abc, nil); err != nil {
				t.Fatal(err)
			}
			err := f.load(8, func() {
				for range 3 {
					before := f.hits.Load()
					f.until(func() bool { return f.seq.Load() > base+uint64(f.rng.IntN(500)) })
					f.fault.Store(&what)
					patience := 2 * time.Second
					if before == 0 {
						patience = time.Minute // it has to be met once, on a slow machine, too
					}
					wait := time.After(patience)
					for f.hits.Load() == before {
						select {
						case <-wait: // a fault nobody meets, this time
							before = -1
						case <-time.After(time.Millisecond):
						}
					}
					<-time.After(time.Duration(f.rng.IntN(300)) * time.Millisecond)
					f.fault.Store(nil)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			f.recovered()
			if f.hits.Load() == 0 {
				t.Fatal("the fault was never met")
			}
			t.Logf("%d writes, %d left, %d faults", f.seq.Load()-base, len(f.acked), f.hits.Load())
		})
	}
}

func (f *failing) until(is func() bool) {
	f.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(end) {
			f.t.Fatal("nothing goes on")
		}
		<-time.After(time.Millisecond)
	}
}

// A backend that went and was owed nothing is forgotten with the first thing that is written, which may fail.
func TestABackendThatWentIsForgottenThoughTheFirstAppendFails(t *testing.T) {
	for name, what := range map[string]*fault{"nothing": nil, "the log": new(faults["the log can't be written"])} {
		t.Run("what fails is "+name, func(t *testing.T) {
			f := newFailing(t, 1)
			state := func(names ...string) *journal.State {
				t.Helper()
				j, err := f.open(names, nil)
				if err != nil {
					t.Fatal(err)
				}
				s, err := j.State()
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			settle := func() {
				t.Helper()
				seq := f.seq.Load()
				if err := f.j.Update(&journal.Update{Settled: []uint64{seq}, Sync: true}); err != nil {
					t.Fatal(err)
				}
				if err := f.j.Close(); err != nil {
					t.Fatal(err)
				}
			}
			state("a", "b")
			if err := f.j.Append(entryOf(f.seq.Add(1), 10)); err != nil {
				t.Fatal(err)
			}
			settle()
			state("a")
			if what != nil {
				f.fault.Store(what)
				if err := f.j.Append(entryOf(f.seq.Add(1), 10)); !errors.Is(err, journal.ErrUncertain) {
					t.Fatalf("the append that fails: %v", err)
				}
				f.fault.Store(nil)
			}
			f.back()
			if err := f.j.Close(); err != nil {
				t.Fatal(err)
			}
			if s := state("a"); len(s.Gone) > 0 {
				t.Errorf("gone are %+v, which was owed nothing when it went", s.Gone)
			}
			settle()
			if s := state("a", "b"); !s.Backends[1].New {
				t.Error("it is back, lacks what was settled without it, and is not new")
			}
			_ = f.j.Close()
		})
	}
}
