package disk

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tutti/journal"
)

// TestWhatWasAcknowledgedSurvivesPowerCuts cuts the power of a machine, at any moment of load and
// failure, of which every write that was not synced is lost or not, each page for itself.
func TestWhatWasAcknowledgedSurvivesPowerCuts(t *testing.T) {
	seeds := many(200)
	writes := 0
	for seed := range seeds {
		n, err := cutPower(t, seed, nil)
		writes += n
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("%d power cuts, %d acknowledged writes that nobody settled, none lost", 2*seeds, writes)
}

// many is how many seeds are tried: n, and more of them by make soak.
func many(n uint64) uint64 {
	if os.Getenv("TUTTI_SOAK") != "" {
		n *= 20
	}
	return n
}

func TestWithoutASyncPowerCutsLoseWrites(t *testing.T) {
	const seeds = 20
	lost := 0
	for seed := range uint64(seeds) {
		if _, err := cutPower(t, seed, func(o *Options) { o.asleep = true }); err != nil {
			lost++
		}
	}
	if lost < seeds/2 {
		t.Fatalf("the test above would only notice a journal that does not sync in %d of %d runs", lost, seeds)
	}
	t.Logf("%d of %d runs lost something", lost, seeds)
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
		var acked map[uint64]bool
		err := f.load(4, func() {
			f.toSomeMoment()
			f.mu.Lock()
			acked = maps.Clone(f.acked)
			f.mu.Unlock()
			fs = f.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: f.rng.IntN(101), RNG: f.rng})
		})
		_ = f.j.Close()
		if err != nil {
			return 0, err
		}
		f.fault.Store(nil)
		f.fs = fs
		// What somebody settled meanwhile may be gone.
		maps.DeleteFunc(acked, func(seq uint64, _ bool) bool { return !f.acked[seq] })
		f.acked = acked
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
	for seq := range f.never {
		if e := f.j.Read(seq, new(journal.Entry)); !errors.Is(e, journal.ErrNotFound) {
			err = errors.Join(err, fmt.Errorf("entry %d was refused: %w", seq, e))
		}
	}
	return errors.Join(err, f.j.Close())
}
