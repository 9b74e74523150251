package disk

import (
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// unflushed is a file system on which, while held, no table is written until it is let go.
type unflushed struct {
	vfs.FS
	held  atomic.Bool
	letGo chan struct{}
}

func (u *unflushed) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if u.held.Load() && strings.HasSuffix(name, ".sst") {
		<-u.letGo
	}
	return u.FS.Create(name, c)
}

// withLogs is the wreck of a journal whose entries lie in several logs.
func withLogs(t *testing.T) (w *wreck, n uint64) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "journal")
	u := &unflushed{FS: vfs.Default, letGo: make(chan struct{})}
	j, err := Open(Options{Dir: dir, Backends: abc, MaxSize: 8 << 20, FS: u})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	defer close(u.letGo)
	u.held.Store(true)
	for logs := []string(nil); len(logs) < 3; {
		if err := j.Append(entryOf(base+n, 500)); err != nil {
			t.Fatal(err)
		}
		n++
		if logs, err = filepath.Glob(filepath.Join(dir, "db", "*.log")); err != nil {
			t.Fatal(err)
		}
	}
	return (&wreck{dir: dir}).copy(t), n
}

func TestDamageToSeveralLogs(t *testing.T) {
	t.Parallel()
	whole, n := withLogs(t)
	for _, test := range []struct {
		name   string
		damage func(w *wreck, logs []string) (says []any)
		holds  bool
	}{
		{"nothing", func(*wreck, []string) []any { return nil }, true},
		{"the first is missing", func(w *wreck, logs []string) []any { w.remove(logs[0]); return []any{"missing"} }, false},
		{"the second is missing", func(w *wreck, logs []string) []any { w.remove(logs[1]); return []any{"missing"} }, false},
		{"the first is cut", func(w *wreck, logs []string) []any {
			w.cut(logs[0], 100_000)
			return []any{filepath.Base(logs[0])}
		}, false},
		{"the second is cut between batches", func(w *wreck, logs []string) []any {
			at := w.batchesOf(logs[1])
			w.cut(logs[1], at[len(at)/2])
			return []any{"missing"}
		}, false},
		{"a bit of the first", func(w *wreck, logs []string) []any {
			w.flip(logs[0], 100_000)
			return []any{filepath.Base(logs[0])}
		}, false},
		{"a bit at the end of the second", func(w *wreck, logs []string) []any {
			at := w.batchesOf(logs[1])
			w.flip(logs[1], at[len(at)-2]+100)
			return []any{filepath.Base(logs[1])}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := whole.copy(t)
			logs, err := filepath.Glob(filepath.Join(w.dir, "db", "*.log"))
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(logs)
			says := test.damage(w, logs)
			if test.holds {
				w.holds(n)
				return
			}
			w.refuses(says...)
		})
	}
}
