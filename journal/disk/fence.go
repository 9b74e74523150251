package disk

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fence is the file system that one opened Pebble writes to. The first write, sync or creation
// that fails closes it: from then on nothing gets through, as after a crash, and Pebble does not
// hear of it. What Pebble does on hearing is worse: it goes on as if its log had been written
// (when its Fatalf returns), deletes files that are still needed, or brings the process down with
// a mutex in a state that nobody can close it. So whoever commits a batch asks the fence, after
// its sync, whether there was one.
type fence struct {
	vfs.FS
	private bool // make files unreadable for others

	closed atomic.Bool
	once   sync.Once
	err    error         // why; read after closed
	down   chan struct{} // closed with it
	gone   chan struct{} // closed by end: nobody waits any more

	opening sync.Mutex
	opened  bool
	old     []string // logs to remove then
}

func newFence(fs vfs.FS, private bool) *fence {
	return &fence{FS: fs, private: private, down: make(chan struct{}), gone: make(chan struct{})}
}

// open removes the logs that were not needed any more when Pebble was being opened, now that it is.
func (f *fence) open() {
	f.opening.Lock()
	f.opened = true
	f.opening.Unlock()
	for _, name := range f.old {
		_ = f.Remove(name) // what is left, the next one to open it removes
	}
	f.old = nil
}

// later keeps a log until there is another: Pebble flushes the old ones as it is opened, removes them
// and makes the new one, and if that fails, or there is a power cut in between, nothing tells that
// none is missing.
func (f *fence) later(name string) bool {
	f.opening.Lock()
	defer f.opening.Unlock()
	if f.opened || !strings.HasSuffix(name, ".log") {
		return false
	}
	f.old = append(f.old, name)
	return true
}

// close closes the fence.
func (f *fence) close(err error) {
	f.once.Do(func() {
		f.err = err
		f.closed.Store(true)
		close(f.down)
	})
}

// cause tells why the fence is closed; nil: it is not.
func (f *fence) cause() error {
	if !f.closed.Load() {
		return nil
	}
	return f.err
}

// end has nobody wait any more.
func (f *fence) end() { close(f.gone) }

// do does what changes the file system.
func (f *fence) do(change func() error) error {
	if f.closed.Load() {
		return nil
	}
	if err := change(); err != nil {
		f.close(err)
	}
	return nil
}

// The categories Pebble gives what it writes itself anew if that failed.
const (
	compaction   = "pebble-compaction"
	blobRewrite  = "pebble-blob-file-rewrite"
	compactAgain = time.Second // it would try at once
)

// Create implements vfs.FS.
func (f *fence) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.create(category, func() (vfs.File, error) {
		if err := f.settle(name); err != nil {
			return nil, err
		}
		file, err := f.FS.Create(name, category)
		return f.hide(name, file, err)
	})
}

// settle brings the directory to disk before a marker is made or removed in it: what that points at,
// or replaces it, has to be there after a power cut, whatever the file system's order. Pebble relies
// on the order.
func (f *fence) settle(name string) error {
	if !strings.HasPrefix(f.PathBase(name), "marker.") {
		return nil
	}
	dir, err := f.FS.OpenDir(f.PathDir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// OpenReadWrite implements vfs.FS.
func (f *fence) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.create(category, func() (vfs.File, error) {
		file, err := f.FS.OpenReadWrite(name, category, opts...)
		return f.hide(name, file, err)
	})
}

// ReuseForWrite implements vfs.FS.
func (f *fence) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.create(category, func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, category) })
}

func (f *fence) create(category vfs.DiskWriteCategory, open func() (vfs.File, error)) (vfs.File, error) {
	if f.closed.Load() {
		return nowhere{}, nil
	}
	repeated := category == compaction || category == blobRewrite
	file, err := open()
	switch {
	case err == nil:
		return &fencedFile{File: file, fence: f, repeated: repeated}, nil
	case repeated:
		return nil, f.slowly(err)
	}
	f.close(err)
	return nowhere{}, nil
}

// hide makes a file that was just created unreadable for others. Its directory is, already.
func (f *fence) hide(name string, file vfs.File, err error) (vfs.File, error) {
	if err == nil && f.private {
		err = os.Chmod(name, 0o600)
	}
	return file, err
}

// slowly returns err after a while.
func (f *fence) slowly(err error) error {
	wait := time.NewTimer(compactAgain)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-f.down:
	case <-f.gone:
	}
	return err
}

// OpenDir implements vfs.FS.
func (f *fence) OpenDir(name string) (vfs.File, error) {
	dir, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedFile{File: dir, fence: f}, nil
}

// Link implements vfs.FS.
func (f *fence) Link(from, to string) error {
	return f.do(func() error { return f.FS.Link(from, to) })
}

// Rename implements vfs.FS.
func (f *fence) Rename(from, to string) error {
	return f.do(func() error { return f.FS.Rename(from, to) })
}

// MkdirAll implements vfs.FS.
func (f *fence) MkdirAll(name string, perm os.FileMode) error {
	if f.private {
		perm &= 0o700
	}
	return f.do(func() error { return f.FS.MkdirAll(name, perm) })
}

// Lock implements vfs.FS.
func (f *fence) Lock(name string) (io.Closer, error) {
	lock, err := f.FS.Lock(name)
	if err == nil && f.private {
		err = os.Chmod(name, 0o600)
	}
	return lock, err
}

// Remove implements vfs.FS. What can't be removed is left.
func (f *fence) Remove(name string) error {
	if f.closed.Load() || f.later(name) {
		return nil
	}
	if err := f.settle(name); err != nil {
		f.close(err)
		return nil
	}
	return f.FS.Remove(name)
}

// RemoveAll implements vfs.FS.
func (f *fence) RemoveAll(name string) error {
	if f.closed.Load() {
		return nil
	}
	return f.FS.RemoveAll(name)
}

// Unwrap implements vfs.FS.
func (f *fence) Unwrap() vfs.FS { return f.FS }

// fencedFile is a file or a directory behind a fence.
type fencedFile struct {
	vfs.File
	fence    *fence
	repeated bool // an error is no catastrophe
}

func (f *fencedFile) do(change func() error) error {
	if !f.repeated {
		return f.fence.do(change)
	}
	if f.fence.closed.Load() {
		return nil
	}
	if err := change(); err != nil {
		return f.fence.slowly(err)
	}
	return nil
}

// Write implements vfs.File.
func (f *fencedFile) Write(p []byte) (int, error) {
	return len(p), f.do(func() error {
		n, err := f.File.Write(p)
		if err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
		return err
	})
}

// WriteAt implements vfs.File.
func (f *fencedFile) WriteAt(p []byte, at int64) (int, error) {
	return len(p), f.do(func() error {
		_, err := f.File.WriteAt(p, at)
		return err
	})
}

// Preallocate implements vfs.File. It only saves time.
func (f *fencedFile) Preallocate(at, length int64) error {
	if !f.fence.closed.Load() {
		_ = f.File.Preallocate(at, length)
	}
	return nil
}

// Sync implements vfs.File.
func (f *fencedFile) Sync() error { return f.do(f.File.Sync) }

// SyncData implements vfs.File.
func (f *fencedFile) SyncData() error { return f.do(f.File.SyncData) }

// SyncTo implements vfs.File.
func (f *fencedFile) SyncTo(length int64) (full bool, err error) {
	err = f.do(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// Close implements vfs.File.
func (f *fencedFile) Close() error {
	err := f.File.Close()
	if err != nil && !f.fence.closed.Load() {
		return f.do(func() error { return err })
	}
	return nil
}

// nowhere is a file that could not be created.
type nowhere struct{}

var errNowhere = errors.New("the file could not be created")

func (nowhere) Close() error                           { return nil }
func (nowhere) Read([]byte) (int, error)               { return 0, errNowhere }
func (nowhere) ReadAt([]byte, int64) (int, error)      { return 0, errNowhere }
func (nowhere) Write(p []byte) (int, error)            { return len(p), nil }
func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (nowhere) Preallocate(int64, int64) error         { return nil }
func (nowhere) Stat() (vfs.FileInfo, error)            { return vfs.NewMemFile(nil).Stat() }
func (nowhere) Sync() error                            { return nil }
func (nowhere) SyncTo(int64) (bool, error)             { return false, nil }
func (nowhere) SyncData() error                        { return nil }
func (nowhere) Prefetch(int64, int64) error            { return nil }
func (nowhere) Fd() uintptr                            { return vfs.InvalidFd }
