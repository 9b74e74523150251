package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// directory is a journal's directory, and holds its lock.
type directory struct {
	o        *Options
	fs       vfs.FS
	lock     io.Closer
	evidence *evidence
	room     int64 // what the journal may take
}

// The names in it.
const (
	lockName   = "LOCK"
	formatName = "format"
	newestName = "newest"
	storeName  = "db"
	unmadeName = "db.new" // a store that is being made
	unsureName = "format.new"
)

// format is what the file of that name holds.
const format = "tutti journal 1\n"

// openDirectory finds or makes the directory and locks it.
func openDirectory(o *Options) (*directory, error) {
	d := &directory{o: o, fs: o.FS}
	if d.fs == nil {
		d.fs = vfs.Default
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	if err := d.look(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// enter makes the directory, if it is not there, and locks it.
func (d *directory) enter() (err error) {
	if _, err := d.fs.Stat(d.o.Dir); err != nil {
		if err := d.fs.MkdirAll(d.o.Dir, 0o700); err != nil {
			return fmt.Errorf("cannot make the journal's directory: %w", err)
		}
	}
	if err := d.mine(); err != nil {
		return err
	}
	if d.lock, err = d.fs.Lock(d.path(lockName)); err != nil {
		return fmt.Errorf("the journal in %s is in use by another process, or can't be locked: %w", d.o.Dir, err)
	}
	return d.hide(lockName)
}

// settle has the directory, and those above it, be there after a crash. Whether this process made them
// can't be told: one that was killed, or could not do this, may have.
func (d *directory) settle() error {
	for name := d.o.Dir; ; {
		above := d.fs.PathDir(name)
		if above == name {
			return nil
		}
		// What is not ours to write to, we have not made.
		err := d.syncDir(above)
		if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EINVAL) {
			return fmt.Errorf("cannot make the journal's directory: %w", err)
		}
		name = above
	}
}

// mine refuses a directory that others may enter: what clients sent lies in it.
func (d *directory) mine() error {
	info, err := d.fs.Stat(d.o.Dir)
	if err != nil {
		return fmt.Errorf("cannot look at the journal's directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("the journal's directory %s is a file", d.o.Dir)
	}
	if mode := info.Mode().Perm(); d.o.FS == nil && mode&0o077 != 0 {
		return fmt.Errorf("the journal's directory %s is open to others (its mode is %#o): what clients send lies in it; chmod 0700 it", d.o.Dir, mode)
	}
	return nil
}

func (d *directory) hide(name string) error {
	if d.o.FS != nil {
		return nil
	}
	if err := os.Chmod(d.path(name), 0o600); err != nil {
		return fmt.Errorf("cannot make a file of the journal private: %w", err)
	}
	return nil
}

// look checks that what is in the directory is a journal, or nothing.
func (d *directory) look() error {
	names, err := d.fs.List(d.o.Dir)
	if err != nil {
		return fmt.Errorf("cannot list the journal's directory: %w", err)
	}
	for _, name := range names {
		if !slices.Contains([]string{lockName, formatName, newestName, storeName, unmadeName, unsureName, "lost+found"}, name) {
			return fmt.Errorf("the journal's directory %s holds %s, which is not a journal's", d.o.Dir, name)
		}
	}
	text, err := d.read(formatName)
	there := slices.Contains(names, storeName)
	switch {
	case err == nil && text == format:
	case err == nil:
		return fmt.Errorf("the journal in %s has the format %q, this program's is %q", d.o.Dir, strings.TrimSpace(text), strings.TrimSpace(format))
	case there:
		return fmt.Errorf("the journal in %s is damaged: cannot read its format: %w", d.o.Dir, err)
	}
	if there {
		d.evidence, err = openEvidence(d.fs, d.path(newestName))
	} else {
		err = d.make()
	}
	if err != nil {
		return fmt.Errorf("the journal in %s: %w", d.o.Dir, err)
	}
	return nil
}

// make makes a new journal. Before the last step, which is atomic, there is none.
func (d *directory) make() (err error) {
	if err := d.settle(); err != nil {
		return err
	}
	if err := d.fs.RemoveAll(d.path(unmadeName)); err != nil {
		return fmt.Errorf("cannot remove what is left of an unfinished one: %w", err)
	}
	if err := d.writeFormat(); err != nil {
		return err
	}
	if d.evidence, err = newEvidence(d.fs, d.path(newestName)); err != nil {
		return err
	}
	if err := d.hide(newestName); err != nil {
		return err
	}
	if err := d.makeStore(); err != nil {
		return fmt.Errorf("cannot make it: %w", err)
	}
	if err := d.fs.Rename(d.path(unmadeName), d.path(storeName)); err != nil {
		return fmt.Errorf("cannot make it: %w", err)
	}
	return d.sync()
}

func (d *directory) makeStore() error {
	s, err := openStore(d.fs, d.path(unmadeName), d.o, 0, true)
	if err != nil {
		return err
	}
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // never fails
	b := s.db.NewBatch()
	_ = b.Merge(chainKey, link(1, 0, 0).append(nil), nil)
	_ = b.Set(secretKey, secret[:], nil)
	return errors.Join(s.db.Apply(b, pebble.Sync), s.close())
}

// openStore opens the store and checks that all of it is there: batch synced, at least, and, if
// wholly, every byte of its tables.
func (d *directory) openStore(synced uint64, wholly bool) (*store, error) {
	name := d.path(storeName)
	f, err := listFiles(d.fs, name)
	if err != nil {
		return nil, err
	}
	last, err := f.verify(d.evidence)
	if err != nil {
		return nil, err
	}
	s, err := openStore(d.fs, name, d.o, d.room, false)
	if err != nil {
		return nil, explain(err)
	}
	if wholly {
		err = verifyTables(s, d.fs, name)
	}
	if err == nil {
		err = s.verifyChain(max(synced, last, d.evidence.batch))
	}
	if err != nil {
		_ = s.close()
		return nil, err
	}
	return s, nil
}

// size is how many bytes the store's files hold.
func (d *directory) size() (size int64) {
	names, _ := d.fs.List(d.path(storeName))
	for _, name := range names {
		if info, err := d.fs.Stat(d.fs.PathJoin(d.path(storeName), name)); err == nil {
			size += info.Size()
		}
	}
	return size
}

func (d *directory) path(name string) string { return d.fs.PathJoin(d.o.Dir, name) }

func (d *directory) read(name string) (string, error) {
	f, err := d.fs.Open(d.path(name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<10))
	return string(b), err
}

func (d *directory) writeFormat() error {
	f, err := d.fs.Create(d.path(unsureName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("cannot write to it: %w", err)
	}
	_, err = io.WriteString(f, format)
	if err = errors.Join(err, f.Sync(), f.Close(), d.hide(unsureName)); err != nil {
		return fmt.Errorf("cannot write to it: %w", err)
	}
	if err := d.fs.Rename(d.path(unsureName), d.path(formatName)); err != nil {
		return fmt.Errorf("cannot write to it: %w", err)
	}
	return d.sync()
}

func (d *directory) sync() error {
	if err := d.syncDir(d.o.Dir); err != nil {
		return fmt.Errorf("cannot write to it: %w", err)
	}
	return nil
}

func (d *directory) syncDir(name string) error {
	f, err := d.fs.OpenDir(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *directory) close() error {
	var err error
	if d.evidence != nil {
		err = d.evidence.close()
	}
	return errors.Join(err, d.lock.Close())
}
