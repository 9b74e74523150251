package disk

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// store is Pebble as it was opened once, and its fence.
type store struct {
	db      *pebble.DB
	fence   *fence
	chain   chain         // as it was found
	synced  atomic.Uint64 // the last batch that is known to be on disk
	log     atomic.Pointer[mark]
	flushed time.Time // when that was last asked for
}

// mark is that a log was begun, when a batch was on disk already. It is not in that log.
type mark struct{ log, batch uint64 }

const (
	memTableSize    = 32 << 20
	minMemTableSize = 512 << 10
)

// openStore opens the Pebble in dir, which may take room bytes; anew says that there is none
// and that it is to be made.
func openStore(fs vfs.FS, dir string, o *Options, room int64, anew bool) (s *store, err error) {
	s = &store{fence: newFence(fs, o.FS == nil)}
	opts := s.options(o, room)
	opts.ErrorIfNotExists, opts.ErrorIfExists = !anew, anew
	defer func() {
		// Pebble panics on some of what it reads from damaged files.
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("%v", r)
		}
	}()
	s.db, err = pebble.Open(dir, opts)
	if cause := s.fence.cause(); cause != nil {
		if err == nil {
			_ = s.close()
		}
		return nil, cause
	}
	if err == nil {
		s.fence.open()
	}
	return s, err
}

// options are Pebble's. room is how large the journal may become: with little of it, less is put
// off to the next flush.
func (s *store) options(o *Options, room int64) *pebble.Options {
	size := min(memTableSize, max(minMemTableSize, room/16))
	opts := &pebble.Options{
		FS:                          s.fence,
		Logger:                      quiet{o.Log, s.fence},
		Merger:                      merger(),
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                uint64(size),
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		// Appends are refused for want of space, not held up for want of compactions.
		L0StopWritesThreshold: 1 << 20,
		FlushDelayDeleteRange: flushAfter,
		CacheSize:             8 << 20,
		MaxOpenFiles:          256,
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { o.Log.Debug("journal: the engine complains", "error", err) },
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				o.Log.Error("journal: a file is damaged", "file", i.Path, "error", i.Details)
			},
			WALCreated: func(i pebble.WALCreateInfo) {
				// Behind a closed fence it is nowhere, which Pebble does not know.
				if i.Err == nil && !s.fence.closed.Load() {
					s.log.Store(&mark{uint64(i.FileNum), s.synced.Load()})
				}
			},
		},
	}
	opts.CompactionConcurrencyRange = func() (int, int) { return 1, 1 }
	return opts
}

func (s *store) close() error {
	s.fence.end()
	err := s.db.Close()
	if cause := s.fence.cause(); cause != nil {
		return cause
	}
	return err
}

// size is how many bytes the store takes on disk.
func (s *store) size() int64 { return int64(s.db.Metrics().DiskSpaceUsage()) }

// flushAgain is how often a flush is asked for when there is no room.
const flushAgain = time.Second

// flush has what was removed give its space back, unless that was just asked for.
func (s *store) flush() {
	if now := time.Now(); now.Sub(s.flushed) >= flushAgain {
		s.flushed = now
		_, _ = s.db.AsyncFlush()
	}
}
