package disk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tutti/journal"
)

// smallDisk is a file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("cannot mount a small file system: %v", err)
		}
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// TestTheDiskFillsUp has clients append more than there is room for, then somebody else take the rest
// of the disk, and give it back.
func TestTheDiskFillsUp(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "24m")
	filler := filepath.Join(dir, "lost+found")
	f := newFailing(t, 1)
	f.edit = func(o *Options) { o.Dir, o.FS, o.MinFree = dir, nil, 8<<20 }
	if _, err := f.open(abc, nil); err != nil {
		t.Fatal(err)
	}
	err := f.load(8, func() {
		for range 3 {
			f.fillUp(filler)
			if err := os.Remove(filler); err != nil {
				t.Error(err)
			}
			before := f.acks()
			f.until(func() bool { return f.acks() > before+100 })
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	f.recovered()
	t.Logf("%d writes, %d refused, %d left", f.seq.Load()-base, f.refused.Load(), len(f.acked))
}

// acks is how many writes have been taken so far.
func (f *failing) acks() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.acked) + len(f.gone)
}

// fillUp writes a file until nothing fits any more, and waits until writes were refused.
func (f *failing) fillUp(name string) {
	f.t.Helper()
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	before := f.refused.Load()
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end) || f.refused.Load() < before+20; {
		if _, err := file.Write(make([]byte, 64<<10)); err != nil {
			<-time.After(time.Millisecond)
		}
	}
}

func TestAFullJournalHasRoomAgainOnceItIsDrained(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	const room = 12 << 20
	j, err := Open(Options{Dir: dir, Backends: abc, MaxSize: room})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	seq := uint64(base)
	for range 2 {
		var u journal.Update
		for begun := time.Now(); ; {
			err := j.Append(entryOf(seq, 10_000))
			if errors.Is(err, journal.ErrFull) {
				if len(u.Settled) >= 100 {
					break
				}
				if time.Since(begun) > time.Minute {
					t.Fatalf("full after %d entries of 10 kB", len(u.Settled))
				}
				<-time.After(10 * time.Millisecond) // what is being written anew lies there twice
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			u.Settled = append(u.Settled, seq)
			seq++
		}
		if size := du(t, dir); size > 2*room+8<<20 {
			t.Fatalf("%d MB on disk", size>>20)
		}
		if err := j.Update(&u); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for j.Size() > room/4*3 { // logs are kept, to be used again
			if time.Since(begun) > time.Minute {
				t.Fatalf("it stays full, with %d MB", j.Size()>>20)
			}
			<-time.After(10 * time.Millisecond)
		}
		t.Logf("%d entries; drained, a quarter empty after %v", len(u.Settled), time.Since(begun).Round(time.Millisecond))
	}
}

// du is what a directory takes on disk.
func du(t *testing.T, dir string) (size int64) {
	t.Helper()
	_ = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil {
			size += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return size
}
