package disk

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// tripping has some changes in a row fail.
type tripping struct {
	mu       sync.Mutex
	at, left int // which is the first, how many
	n        int
	first    string
	seen     map[string]int
}

func (t *tripping) trips(op errorfs.Op) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead || op.Kind == errorfs.OpFileClose {
		return nil
	}
	// What is added to a log or a table is much of the same.
	if isWrite := op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFilePreallocate; isWrite && t.n < t.at {
		if t.seen[op.Path]++; t.seen[op.Path] > 3 {
			return nil
		}
	}
	if t.n++; t.n < t.at || t.left == 0 {
		return nil
	}
	t.left--
	if t.first == "" {
		t.first = describe(op)
	}
	return syscall.EIO
}

// TestWhatFailsAtAnyStep has, in a journal's life, one change to a file fail, or some in a row, each in
// turn. Nobody is told what is not so; it goes on by itself, or can be opened again, and after a power cut.
func TestWhatFailsAtAnyStep(t *testing.T) {
	t.Parallel()
	stride := 5
	switch {
	case os.Getenv("TUTTI_SOAK") != "":
		stride = 1
	case raced:
		stride = 50
	}
	for _, test := range []struct {
		name   string
		before func(*failing)
	}{
		{"from nothing", func(*failing) {}},
		{"after a dirty end", func(f *failing) { f.mustOpen(); f.fill(20); f.crash() }},
		{"with several logs", func(f *failing) { f.mustOpen(); f.manyLogs(3) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			trips := 0
			for at := 1; ; at += stride {
				var trip *tripping
				synctest.Test(t, func(t *testing.T) {
					f := newFailing(t, uint64(at))
					test.before(f)
					f.gone = maps.Clone(f.over)
					few := []int{1, 2 + f.rng.IntN(10), untilKilled}
					trip = &tripping{at: at + f.rng.IntN(stride), left: few[f.rng.IntN(3)], seen: map[string]int{}}
					if err := f.trip(trip); err != nil {
						t.Fatalf("step %d (%s) fails, and %d after it: %v", trip.at, trip.first, trip.left, err)
					}
				})
				if trip.first == "" {
					break
				}
				trips++
			}
			t.Logf("%d steps failed", trips)
		})
	}
}

// A log that could not be made was never there.
func TestALogThatCouldNotBeMadeIsNotMissing(t *testing.T) {
	f := newFailing(t, 1)
	f.mustOpen()
	f.fill(3)
	what := faults["the log can't be made"]
	f.fault.Store(&what)
	f.j.order.Lock() // the keeper does not close it yet
	_, _ = f.j.store.db.AsyncFlush()
	if f.hits.Load() == 0 {
		t.Error("no log was begun")
	}
	f.j.look()
	f.j.order.Unlock()
	f.fault.Store(nil)
	f.crash()
	if err := f.look(); err != nil {
		t.Fatal(err)
	}
}

const untilKilled = 1 << 30

// trip lives a journal's life in which something fails.
func (f *failing) trip(trip *tripping) error {
	f.trips.Store(trip)
	killed := trip.left == untilKilled
	for tries := 0; ; tries++ {
		_, err := f.open(abc, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EIO) || tries > 20 {
			return fmt.Errorf("it does not open: %w", err)
		}
		if killed {
			f.trips.Store(nil)
		} else if f.rng.IntN(2) == 0 {
			f.machine.fs = f.machine.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: f.rng.IntN(101), RNG: f.rng})
		}
	}
	var own []uint64
	for range 80 {
		seq := f.seq.Add(1)
		err := f.j.Append(entryOf(seq, 1000+f.rng.IntN(30_000)))
		f.note(seq, err)
		switch {
		case err == nil:
			own = append(own, seq)
		case killed && f.trips.Load() != nil:
			_ = f.j.Close()
			f.trips.Store(nil)
			f.gone = maps.Clone(f.over)
			clear(f.maybe) // and nobody voids that
			if _, err := f.open(abc, nil); err != nil {
				return fmt.Errorf("it does not open after it was killed: %w", err)
			}
		}
		if len(own) == 8 {
			if err := f.settle(own[:4], f.rng.IntN(2) == 0); err != nil {
				return err
			}
			own = own[:0]
		}
	}
	if f.rng.IntN(4) > 0 {
		f.trips.Store(nil)
		f.back()
		f.check()
	}
	_ = f.j.Close()
	f.trips.Store(nil)
	f.machine.fs = f.machine.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: f.rng.IntN(101), RNG: f.rng})
	return f.look()
}

func (f *failing) mustOpen() {
	f.t.Helper()
	if _, err := f.open(abc, nil); err != nil {
		f.t.Fatal(err)
	}
}
