package disk

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tutti/journal"
)

// TestWhatWasAcknowledgedSurvivesPowerCuts cuts the power of a machine, at any moment of load and
// failure, of which every write that was not synced is lost or not, each page for itself.
func TestWhatWasAcknowledgedSurvivesPowerCuts(t *testing.T) {
	const shards = 4
	for shard := range uint64(shards) {
		t.Run(strconv.FormatUint(shard, 10), func(t *testing.T) {
			t.Parallel()
			writes, n := 0, rounds()/shards
			for seed := range n {
				left, err := cutPower(t, seed*shards+shard, nil)
				writes += left
				if err != nil {
					t.Fatalf("seed %d: %v", seed*shards+shard, err)
				}
			}
			t.Logf("%d power cuts, %d acknowledged writes that nobody settled, none lost", 2*n, writes)
		})
	}
}

// rounds is how many of them there are.
func rounds() uint64 {
	switch {
	case os.Getenv("TUTTI_SOAK") != "":
		return 2000
	case raced:
		return 12
	}
	return 200
}

// Whoever syncs nothing fails the test above, and not by luck.
func TestWithoutASyncPowerCutsLoseWrites(t *testing.T) {
	t.Parallel()
	lost, n := uint64(0), rounds()/4
	for seed := range n {
		if _, err := cutPower(t, seed, func(o *Options) { o.asleep = true }); err != nil {
			lost++
		}
	}
	if lost < n*3/4 {
		t.Errorf("the test above would notice a journal that does not sync in %d of %d rounds only", lost, n)
	}
	t.Logf("%d of %d rounds lost something", lost, n)
}

// cutPower runs a machine until its power is cut, twice. It returns how many writes there had to be in
// the end, and what is wrong with what was left.
func cutPower(t *testing.T, seed uint64, edit func(*Options)) (writes int, err error) {
	f := newFailing(t, seed)
	if edit != nil {
		with := f.edit
		f.edit = func(o *Options) { with(o); edit(o) }
	}
	for range 2 {
		if _, err := f.open(abc, nil); err != nil {
			return 0, fmt.Errorf("it does not open: %w", err)
		}
		var fs *vfs.MemFS
		var was told
		err := f.load(4, func() {
			f.toSomeMoment()
			was = f.told()
			fs = f.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: f.rng.IntN(101), RNG: f.rng})
		})
		_ = f.j.Close()
		if err != nil {
			return 0, err
		}
		f.fault.Store(nil)
		f.fs = fs
		// What somebody settled meanwhile may be gone.
		maps.DeleteFunc(was.acked, func(seq uint64, _ bool) bool { return !f.acked[seq] })
		f.acked, f.never, f.over = was.acked, was.never, was.over
		if err := f.look(); err != nil {
			return 0, err
		}
	}
	return len(f.acked), nil
}

// toSomeMoment waits, with luck until after a fault.
func (f *failing) toSomeMoment() {
	begin := f.seq.Load()
	n := uint64(f.rng.IntN(200))
	f.until(func() bool { return f.seq.Load() >= begin+n })
	names := slices.Sorted(maps.Keys(faults))
	what := faults[names[f.rng.IntN(len(names))]]
	if f.rng.IntN(3) > 0 {
		return
	}
	f.fault.Store(&what)
	n += uint64(f.rng.IntN(100))
	f.until(func() bool { return f.seq.Load() >= begin+n })
}

// look opens what the power cut left.
func (f *failing) look() error {
	if _, err := f.open(abc, nil); err != nil {
		return fmt.Errorf("it does not open: %w", err)
	}
	err := f.kept()
	for what, set := range map[string]map[uint64]bool{"refused": f.never, "settled": f.over} {
		for seq := range set {
			if e := f.j.Read(seq, new(journal.Entry)); !errors.Is(e, journal.ErrNotFound) {
				err = errors.Join(err, fmt.Errorf("entry %d was %s: %w", seq, what, e))
			}
		}
	}
	if e := f.j.Append(entryOf(2*base+f.rng.Uint64N(base), 10)); !errors.Is(e, journal.ErrFull) {
		err = errors.Join(err, e)
	}
	return errors.Join(err, f.j.Close())
}
