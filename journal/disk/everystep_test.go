package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// cutter cuts the power before every change that is made to a machine's files. What each cut would
// leave is opened and looked at while the change waits.
type cutter struct {
	*failing
	disk  *vfs.MemFS
	every func(errorfs.Op) bool // which changes after the first
	depth int                   // how often the power is cut again while what a cut left is opened

	mu    sync.Mutex
	rng   *rand.Rand
	steps int
	cuts  int
	wrong error
}

// cutting has the power of f's machine cut at every step from now on.
func (f *failing) cutting(depth int, every func(errorfs.Op) bool) *cutter {
	c := &cutter{failing: f, disk: f.machine.fs, depth: depth, every: every, rng: rand.New(rand.NewPCG(f.machine.rng.Uint64(), 0))}
	f.before.Store(c)
	return c
}

// step comes before a change.
func (c *cutter) step(op errorfs.Op) {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead || op.Kind == errorfs.OpFileClose || op.Kind == errorfs.OpLock {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps++
	if c.wrong != nil || c.steps > 1 && !c.every(op) {
		return
	}
	if strings.HasSuffix(op.Path, ".log") && op.Kind == errorfs.OpCreate {
		<-time.After(5 * time.Millisecond) // for others to remove what is not needed any more
	}
	percents := []int{0, 100, c.rng.IntN(100)}
	if raced {
		percents = percents[c.rng.IntN(3):][:1]
	}
	for _, percent := range percents {
		c.cuts++
		if err := c.cut(percent); err != nil {
			c.wrong = fmt.Errorf("power cut with %d %% of what was not synced, before step %d (%s): %w", percent, c.steps, describe(op), err)
			return
		}
	}
}

// cut cuts the power now, of which so much of what was not synced survives.
func (c *cutter) cut(percent int) error {
	was := c.told()
	before := filesOf(c.disk)
	left := c.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: c.rng})
	after := filesOf(c.disk)
	is := c.told()
	// CrashClone brings back all that was removed since its directory was synced.
	for name := range filesOf(left) {
		if !before[name] && !after[name] && c.rng.IntN(100) < percent {
			if err := left.Remove(name); err != nil {
				return err
			}
		}
	}
	// What somebody settled meanwhile may be gone.
	maps.DeleteFunc(was.acked, func(seq uint64, _ bool) bool { return !is.acked[seq] })
	return c.reopen(left, was)
}

// reopen opens what a power cut left, and looks whether it is what the journal had told.
func (c *cutter) reopen(left *vfs.MemFS, was told) error {
	f := newFailing(c.t, c.rng.Uint64())
	f.machine.fs = left
	f.acked, f.never, f.over = was.acked, was.never, was.over
	var log strings.Builder
	with := f.edit
	f.edit = func(o *Options) { with(o); o.Log = slog.New(slog.NewTextHandler(&log, nil)) }
	var again *cutter
	if c.depth > 0 && !raced && c.rng.IntN(200) == 0 {
		again = f.cutting(c.depth-1, one(10, c.rng.Uint64()))
	}
	if err := f.look(); err != nil {
		return err
	}
	if strings.Contains(log.String(), "missing") {
		return errors.New("it says that something is missing: " + log.String())
	}
	if again != nil && again.wrong != nil {
		return fmt.Errorf("what that left, opened: %w", again.wrong)
	}
	return nil
}

// one in so many changes.
func one(in int, seed uint64) func(errorfs.Op) bool {
	rng := rand.New(rand.NewPCG(seed, 0))
	return func(errorfs.Op) bool { return rng.IntN(in) == 0 }
}

// told is what a journal's clients know.
type told struct{ acked, never, over map[uint64]bool }

func (f *failing) told() told {
	f.mu.Lock()
	defer f.mu.Unlock()
	return told{maps.Clone(f.acked), maps.Clone(f.never), maps.Clone(f.over)}
}

// filesOf are all there are, but directories.
func filesOf(m *vfs.MemFS) map[string]bool {
	all := map[string]bool{}
	var walk func(dir string)
	walk = func(dir string) {
		names, _ := m.List(dir)
		for _, name := range names {
			path := m.PathJoin(dir, name)
			info, err := m.Stat(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err == nil && info.IsDir():
				walk(path)
			default:
				all[path] = true
			}
		}
	}
	walk("/var")
	return all
}

var kinds = map[errorfs.OpKind]string{
	errorfs.OpCreate: "create", errorfs.OpLink: "link", errorfs.OpRemove: "remove", errorfs.OpRemoveAll: "remove all of",
	errorfs.OpRename: "rename", errorfs.OpReuseForWrite: "reuse", errorfs.OpMkdirAll: "make the directory",
	errorfs.OpFilePreallocate: "preallocate", errorfs.OpFileWrite: "write to", errorfs.OpFileWriteAt: "write within",
	errorfs.OpFileSync: "sync", errorfs.OpFileSyncData: "sync", errorfs.OpFileSyncTo: "sync part of",
	errorfs.OpFileFlush: "flush", errorfs.OpFileClose: "close", errorfs.OpLock: "lock",
}

func describe(op errorfs.Op) string { return kinds[op.Kind] + " " + op.Path }

// result fails the test if a power cut left something wrong.
func (c *cutter) result(what string) {
	c.t.Helper()
	c.before.Store(nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wrong != nil {
		c.t.Fatalf("%s: %v", what, c.wrong)
	}
	if c.cuts == 0 {
		c.t.Fatalf("%s: the power was never cut", what)
	}
	c.t.Logf("%s: %d steps, %d power cuts", what, c.steps, c.cuts)
}

// TestPowerCutsAtEveryStep cuts the power before every change to a file that a journal makes while it is
// made, filled, closed, and opened after a clean end, after a dirty one and after one with several logs.
func TestPowerCutsAtEveryStep(t *testing.T) {
	t.Parallel()
	f := newFailing(t, 1)
	step := func(what string, do func()) {
		c := f.cutting(1, f.telling())
		do()
		c.result(what)
	}
	open := func() {
		if _, err := f.open(abc, nil); err != nil {
			t.Fatal(err)
		}
	}
	step("made", open)
	step("filled", func() { f.fill(150) })
	step("closed", func() { _ = f.j.Close() })
	step("opened", open)
	f.fill(20)
	f.crash()
	step("opened after a dirty end", open)
	f.manyLogs(3)
	step("opened with several logs", open)
	step("filled again", func() { f.fill(50) })
	for _, name := range []string{"the log can't be synced", "the log can't be made", "the manifest can't be written", "no directory can be synced"} {
		step("recovered when "+name, func() { f.outage(faults[name]) })
	}
	step("closed again", func() { _ = f.j.Close() })
}

// outage has the disk fail until that is noticed, and waits until the journal is back.
func (f *failing) outage(what fault) {
	f.fault.Store(&what)
	for before := f.refused.Load(); f.refused.Load() == before; {
		seq := f.seq.Add(1)
		f.note(seq, f.j.Append(entryOf(seq, 20_000)))
	}
	f.fault.Store(nil)
	f.back()
}

// telling are all changes, but of what is added to a log or a table some alone.
func (f *failing) telling() func(errorfs.Op) bool {
	rng := rand.New(rand.NewPCG(f.rng.Uint64(), 0))
	share := 50
	if os.Getenv("TUTTI_SOAK") != "" {
		share = 1
	}
	much := []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpFilePreallocate}
	return func(op errorfs.Op) bool {
		ofMany := strings.HasSuffix(op.Path, ".log") || strings.HasSuffix(op.Path, ".sst")
		if ofMany && slices.Contains(much, op.Kind) {
			return rng.IntN(share) == 0
		}
		return !raced || rng.IntN(30) == 0
	}
}

// fill appends entries, and settles some of them.
func (f *failing) fill(n int) {
	f.t.Helper()
	var own []uint64
	for range n {
		seq := f.seq.Add(1)
		err := f.j.Append(entryOf(seq, 500+f.rng.IntN(10_000)))
		f.note(seq, err)
		if err != nil {
			f.t.Fatal(err)
		}
		if own = append(own, seq); len(own) < 10 {
			continue
		}
		if err := f.settle(own[:8], f.rng.IntN(2) == 0); err != nil {
			f.t.Fatal(err)
		}
		own = own[:0]
	}
}

// manyLogs fills the journal until it has so many logs, and cuts the power.
func (f *failing) manyLogs(n int) {
	held := make(chan struct{})
	f.tables.Store(&held)
	for logs := 0; logs < n; {
		f.fill(1)
		logs = 0
		for name := range filesOf(f.machine.fs) {
			if strings.HasSuffix(name, ".log") {
				logs++
			}
		}
	}
	left := f.machine.fs.CrashClone(vfs.CrashCloneCfg{})
	f.tables.Store(nil)
	close(held)
	_ = f.j.Close()
	f.machine.fs = left
}
