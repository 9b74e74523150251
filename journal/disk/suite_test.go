package disk

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tutti/journal"
	"tutti/journal/journaltest"
)

func TestTheSuitePassesInMemory(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Engine { return crashable(t).engine() })
}

func TestTheSuitePassesOnDisk(t *testing.T) {
	var n atomic.Int64
	journaltest.Run(t, func(t *testing.T) journaltest.Engine {
		dir := filepath.Join(t.TempDir(), string(rune('a'+n.Add(1)%26)))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return journaltest.Engine{
			Open: func(backends, forget []string) (journal.Journal, error) {
				return open(Options{Dir: dir, Backends: backends, Forget: forget})
			},
			Slow: true,
		}
	})
}

func open(o Options) (journal.Journal, error) {
	j, err := Open(o)
	if err != nil {
		return nil, err
	}
	return j, nil
}

// machine is a computer whose power can be cut.
type machine struct {
	t    testing.TB
	rng  *rand.Rand
	fs   *vfs.MemFS
	j    *Journal
	edit func(*Options)
}

// memory is a file system in memory of which clones can be made while files are used again: a
// MemFS takes a lock twice for that.
type memory struct{ *vfs.MemFS }

func (m memory) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := m.Rename(from, to); err != nil {
		return nil, err
	}
	return m.OpenReadWrite(to, category)
}

func crashable(t testing.TB) *machine { return newMachine(t, rand.Uint64()) }

func newMachine(t testing.TB, seed uint64) *machine {
	m := &machine{t: t, rng: rand.New(rand.NewPCG(seed, 0)), fs: vfs.NewCrashableMem()}
	if err := m.fs.MkdirAll("/var", 0o755); err != nil {
		t.Fatal(err)
	}
	if d, err := m.fs.OpenDir("/"); err != nil || d.Sync() != nil {
		t.Fatal("cannot sync /")
	}
	return m
}

func (m *machine) open(backends, forget []string) (journal.Journal, error) {
	o := Options{Dir: "/var/journal", FS: memory{m.fs}, Backends: backends, Forget: forget}
	if m.edit != nil {
		m.edit(&o)
	}
	j, err := Open(o)
	if err != nil {
		return nil, err
	}
	m.j = j
	return j, nil
}

// crash cuts the power: what was not synced is there in part.
func (m *machine) crash() {
	fs := m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.rng.IntN(101), RNG: m.rng})
	_ = m.j.Close()
	m.fs = fs
}

func (m *machine) engine() journaltest.Engine {
	return journaltest.Engine{Open: m.open, Crash: m.crash}
}
