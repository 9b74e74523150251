package disk

import (
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// compacting is a file system that has a store compacted when the first of its tables is opened.
type compacting struct {
	vfs.FS
	once sync.Once
	do   func()
}

func (c *compacting) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if strings.HasSuffix(name, ".sst") {
		c.once.Do(c.do)
	}
	return c.FS.Open(name, opts...)
}

// Compactions go on while the tables are read, and remove some.
func TestATableThatWasCompactedMeanwhileIsNotMissing(t *testing.T) {
	f := newFailing(t, 1)
	f.mustOpen()
	for range 2 {
		f.fill(10)
		if err := f.j.store.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	s, dir := f.j.store, "/var/journal/db"
	before, err := s.tables(f.machine.fs, dir)
	if err != nil || len(before) < 2 {
		t.Fatal(before, err)
	}
	compact := &compacting{FS: f.machine.fs, do: func() {
		if err := s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
			t.Error(err)
		}
		for name := range before {
			f.until(func() bool { _, err := f.machine.fs.Stat(name); return err != nil })
		}
	}}
	if err := verifyTables(s, compact, dir); err != nil {
		t.Errorf("while they are compacted: %v", err)
	}
	after, err := s.tables(f.machine.fs, dir)
	if err != nil {
		t.Fatal(err)
	}
	for name := range after {
		if err := f.machine.fs.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := verifyTables(s, f.machine.fs, dir); err == nil {
		t.Error("tables that are missing are not missed")
	}
	_ = f.j.Close()
}
