package disk

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func refused(t *testing.T, o Options, words ...string) {
	t.Helper()
	o.Backends = abc
	j, err := Open(o)
	if err == nil {
		_ = j.Close()
		t.Fatal("it opens")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Fatalf("it says %q, not %s", err, word)
		}
	}
}

func TestNobodyElseMayRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "some", "where")
	j := openAt(t, dir)
	for i := range uint64(10) {
		if err := j.Append(entryOf(base+i, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = openAt(t, dir)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o755, 0o750, 0o701} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		refused(t, Options{Dir: dir}, dir, "0700")
	}
}

func TestForeignDirectories(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "precious")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, Options{Dir: dir}, dir, "precious")
	refused(t, Options{Dir: name}, name, "file")
	refused(t, Options{}, "no directory")
	refused(t, Options{Dir: "/proc/nowhere"}, "/proc/nowhere")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	openAt(t, dir)
}

func TestBackendsGivenTwice(t *testing.T) {
	if _, err := Open(Options{Dir: t.TempDir(), Backends: []string{"a", "b", "a"}}); err == nil || !strings.Contains(err.Error(), "a is given twice") {
		t.Fatal(err)
	}
}

// TestSomebodyElseHasIt is run by itself too, as another process.
func TestSomebodyElseHasIt(t *testing.T) {
	const other = "TUTTI_TEST_JOURNAL"
	if dir := os.Getenv(other); dir != "" {
		refused(t, Options{Dir: dir}, dir, "in use")
		return
	}
	dir := filepath.Join(t.TempDir(), "journal")
	j := openAt(t, dir)
	refused(t, Options{Dir: dir}, dir, "in use")
	again := exec.Command(os.Args[0], "-test.run=^TestSomebodyElseHasIt$")
	again.Env = append(os.Environ(), other+"="+dir)
	if out, err := again.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := j.Append(entryOf(base, 10)); err != nil {
		t.Fatal(err)
	}
}

// A journal that is being made is none until it is.
func TestPowerCutsWhileItIsMade(t *testing.T) {
	for seed := range many(50) {
		m := newMachine(t, seed)
		h := &halting{FS: m.fs, left: m.rng.IntN(150)}
		h.halted = func() { m.fs = m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.rng.IntN(101), RNG: m.rng}) }
		m.edit = func(o *Options) { o.FS = h }
		_, err := m.open(abc, nil)
		if err == nil {
			_ = m.j.Close()
		}
		m.edit = nil
		for range 2 {
			if _, err := m.open(abc, nil); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err := m.j.Append(entryOf(base, 10)); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err := m.j.Close(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			m.crash()
		}
	}
}

// halting is a file system that calls halted before one of its changes.
type halting struct {
	vfs.FS
	mu     sync.Mutex
	left   int
	halted func()
}

func (h *halting) change() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.left--; h.left == 0 {
		h.halted()
	}
}

func (h *halting) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	h.change()
	f, err := h.FS.Create(name, c)
	if err != nil {
		return nil, err
	}
	return &haltingFile{f, h}, nil
}

func (h *halting) OpenDir(name string) (vfs.File, error) {
	f, err := h.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &haltingFile{f, h}, nil
}

func (h *halting) Rename(from, to string) error {
	h.change()
	return h.FS.Rename(from, to)
}

func (h *halting) Remove(name string) error {
	h.change()
	return h.FS.Remove(name)
}

type haltingFile struct {
	vfs.File
	h *halting
}

func (f *haltingFile) Write(p []byte) (int, error) {
	f.h.change()
	return f.File.Write(p)
}

func (f *haltingFile) Sync() error {
	f.h.change()
	return f.File.Sync()
}

func (f *haltingFile) SyncData() error {
	f.h.change()
	return f.File.SyncData()
}
