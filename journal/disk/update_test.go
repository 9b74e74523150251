package disk

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tutti/journal"
)

// Those who waited for their update's sync were left waiting for ever when a later batch, whose
// sync was there as well, was seen to first.
func TestSyncedUpdatesReturnBesideAppends(t *testing.T) {
	j, err := Open(Options{Dir: t.TempDir() + "/journal", Backends: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range uint64(8) {
		all.Go(func() {
			for n := range uint64(200) {
				seq := 1 + i + 8*n
				if err := j.Append(&journal.Entry{Seq: seq, Request: []byte("x")}); err != nil {
					t.Error(err)
				}
				if err := j.Update(&journal.Update{Kept: []journal.Kept{{Seq: seq, Data: []byte("x")}}, Sync: true}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		all.Wait()
	}()
	select {
	case <-returned:
	case <-time.After(time.Minute):
		t.Fatal("an update does not return")
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestUpdatesWithoutEndAreOnDiskInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, 1)
		if _, err := m.open([]string{"a"}, nil); err != nil {
			t.Fatal(err)
		}
		if err := m.j.Append(&journal.Entry{Seq: 1}); err != nil {
			t.Fatal(err)
		}
		var bits journal.Bits
		bits[0] = 1 << 1
		for range 20 {
			if err := m.j.Update(&journal.Update{Done: []journal.DoneBlock{{Bits: bits}}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(tick / 4)
		}
		fs := m.fs.CrashClone(vfs.CrashCloneCfg{})
		if err := m.j.Close(); err != nil {
			t.Fatal(err)
		}
		m.fs = fs
		j, err := m.open([]string{"a"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := j.State()
		if err != nil {
			t.Fatal(err)
		}
		if !s.Backends[0].Done.Has(1) {
			t.Error("a crash took back what was noted long before")
		}
		if err := m.j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// An update is seen in memory before its batch is applied.
func TestANoteThatIsJustBeingWrittenIsNotThereYet(t *testing.T) {
	m := newMachine(t, 1)
	if _, err := m.open(abc, nil); err != nil {
		t.Fatal(err)
	}
	if err := m.j.Append(entryOf(base, 10)); err != nil {
		t.Fatal(err)
	}
	m.j.index.Lock()
	m.j.index.setNote(m.j.index.backends[0].number, base, true)
	m.j.index.Unlock()
	if n, err := m.j.Note(0, base); err != nil || n != (journal.Note{}) {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := m.j.Note(0, base+1); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("of no entry: %v", err)
	}
	if err := m.j.Close(); err != nil {
		t.Fatal(err)
	}
}
