package disk

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/cockroachdb/errors"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// files is a store's directory before it is opened.
type files struct {
	fs       vfs.FS
	dir      string
	log      uint64 // the number of the newest log
	manifest string
}

// listFiles finds what there is, by Pebble's names.
func listFiles(fs vfs.FS, dir string) (*files, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list it: %w", err)
	}
	f := &files{fs: fs, dir: dir}
	marked := uint64(0)
	for _, name := range names {
		if stem, ok := strings.CutSuffix(name, ".log"); ok {
			n, err := strconv.ParseUint(stem, 10, 64)
			if err == nil {
				f.log = max(f.log, n)
			}
		}
		// marker.manifest.<number>.<file>: the highest number counts.
		parts := strings.SplitN(name, ".", 4)
		if len(parts) == 4 && parts[0] == "marker" && parts[1] == "manifest" {
			n, err := strconv.ParseUint(parts[2], 10, 64)
			if err == nil && n >= marked {
				marked, f.manifest = n, parts[3]
			}
		}
	}
	return f, nil
}

// verify looks for damage that Pebble would not notice, or would take for an end. It returns the last
// batch of the newest log; 0: there is none in it.
func (f *files) verify(e *evidence) (last uint64, err error) {
	if f.manifest == "" {
		return 0, fmt.Errorf("damaged: no marker.manifest in %s", f.dir)
	}
	if f.log < e.log {
		return 0, fmt.Errorf("damaged: %s is missing", f.path(logName(e.log)))
	}
	b, err := f.read(f.manifest)
	if err != nil {
		return 0, err
	}
	if err := verifyManifest(f.path(f.manifest), b); err != nil {
		return 0, err
	}
	name := logName(f.log)
	if b, err = f.read(name); err != nil {
		return 0, err
	}
	l := &logFile{name: f.path(name), number: uint32(f.log), b: b}
	return l.verify()
}

func logName(n uint64) string { return fmt.Sprintf("%06d.log", n) }

func (f *files) path(name string) string { return f.fs.PathJoin(f.dir, name) }

func (f *files) read(name string) ([]byte, error) {
	file, err := f.fs.Open(f.path(name), vfs.SequentialReadsOption)
	if err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read it: %w", err)
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(file, b); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", f.path(name), err)
	}
	return b, nil
}

// verifyChain checks that all batches are there, and at least some number of them.
func (s *store) verifyChain(batches uint64) error {
	v, closer, err := s.db.Get(chainKey)
	if err != nil {
		return fmt.Errorf("damaged: cannot read its chain: %w", err)
	}
	s.chain, err = decodeChain(v)
	closer.Close()
	switch c := s.chain; {
	case err != nil:
		return fmt.Errorf("damaged: its chain is %w", err)
	case c.first != 1 || c.gap != 0:
		return fmt.Errorf("damaged: batch %d of %d is missing", max(c.gap, 1), c.last)
	case c.last < batches:
		return fmt.Errorf("damaged: its end is missing: %d batches were on disk, %d are left", batches, c.last)
	}
	s.synced.Store(s.chain.last)
	s.log.Store(&mark{s.log.Load().log, s.chain.last})
	return nil
}

// explain adds to an error of Pebble's where it found what.
func explain(err error) error {
	if details := errors.FlattenDetails(err); details != "" {
		return fmt.Errorf("%w (%s)", err, strings.Join(strings.Fields(details), " "))
	}
	return err
}

// verifyTables checks every block of every table that the store consists of.
func verifyTables(s *store, fs vfs.FS, dir string) error {
	tables, err := s.tables(fs, dir)
	if err != nil {
		return err
	}
	names := make(chan string)
	var mu sync.Mutex
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			for name := range names {
				if e := s.verifyTable(fs, dir, name); e != nil {
					mu.Lock()
					err = errors.Join(err, fmt.Errorf("damaged: %s: %w", name, e))
					mu.Unlock()
				}
			}
		})
	}
	for name := range tables {
		names <- name
	}
	close(names)
	running.Wait()
	return err
}

// tables are the names of those that the store consists of now.
func (s *store) tables(fs vfs.FS, dir string) (map[string]struct{}, error) {
	levels, err := s.db.SSTables()
	if err != nil {
		return nil, fmt.Errorf("cannot list its tables: %w", err)
	}
	names := map[string]struct{}{}
	for _, level := range levels {
		for _, t := range level {
			names[fs.PathJoin(dir, fmt.Sprintf("%06d.sst", uint64(t.BackingSSTNum)))] = struct{}{}
		}
	}
	return names, nil
}

// verifyTable checks a table, unless others have taken its place meanwhile: they are made of what was
// read of it, and checked then.
func (s *store) verifyTable(fs vfs.FS, dir, name string) error {
	err := verifyTable(fs, name)
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	tables, e := s.tables(fs, dir)
	if e != nil {
		return errors.Join(err, e)
	}
	if _, there := tables[name]; !there {
		return nil
	}
	return err
}

func verifyTable(fs vfs.FS, name string) error {
	file, err := fs.Open(name, vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	r, err := sstable.NewReader(context.Background(), readable, sstable.ReaderOptions{
		Comparer: pebble.DefaultComparer,
		Merger:   merger(),
	})
	if err != nil {
		return errors.Join(err, readable.Close())
	}
	return errors.Join(r.ValidateBlockChecksums(), r.Close())
}
