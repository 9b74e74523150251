package disk

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// What made its directory was killed, or could not bring that to disk.
func TestADirectoryThatWasMadeBeforeIsThereAfterAPowerCut(t *testing.T) {
	f := newFailing(t, 1)
	f.edit = func(o *Options) { o.Dir = "/var/lib/journal" }
	if err := f.machine.fs.MkdirAll("/var/lib/journal", 0o700); err != nil {
		t.Fatal(err)
	}
	f.mustOpen()
	f.fill(3)
	left := f.machine.fs.CrashClone(vfs.CrashCloneCfg{})
	if err := f.j.Close(); err != nil {
		t.Fatal(err)
	}
	f.machine.fs = left
	if err := f.look(); err != nil {
		t.Fatal(err)
	}
}
