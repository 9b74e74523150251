package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options are what a journal is opened with.
type Options struct {
	Dir      string   // is made if it is not there; nobody else may be able to enter it
	Backends []string // names; their order is that of the indexes
	Forget   []string // backends, none of Backends, that are owed nothing any more

	// MaxSize is how many bytes the journal may take on disk; 0: what it takes when it is opened,
	// and 80 % of what is free then. MinFree is how many it leaves free; 0: 64 MiB.
	MaxSize int64
	MinFree int64

	Log      *slog.Logger             // nil: none
	OnAppend func(took time.Duration) // called after every Append; nil: it is not

	FS vfs.FS // nil: the system's

	asleep bool // for a test that shows what happens when nothing is synced
}

const minFree = 64 << 20

func (o *Options) complete() error {
	if o.Dir == "" {
		return errors.New("the journal has no directory")
	}
	for i, name := range o.Backends {
		if slices.Contains(o.Backends[:i], name) {
			return fmt.Errorf("backend %s is given twice", name)
		}
		if slices.Contains(o.Forget, name) {
			return fmt.Errorf("cannot forget %s: it is one of the backends", name)
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MinFree == 0 {
		o.MinFree = minFree
	}
	if o.FS != nil {
		return nil
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("cannot find the journal's directory: %w", err)
	}
	o.Dir = dir
	return nil
}
