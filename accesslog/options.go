package accesslog

import (
	"errors"
	"log/slog"
	"time"
)

// Options of a Log. Open validates.
type Options struct {
	Path   string // a file, made if it is not there, or "-": standard output
	Format Format
	Log    *slog.Logger // told what went wrong; nil: nobody is
}

func (o *Options) validate() error {
	if o.Path == "" {
		return errors.New("cannot log requests without a file")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

const (
	blockSize = 64 << 10               // lines are gathered up to this
	maxBlocks = 64                     // and wait in so many blocks for a file that can't keep up
	flushTime = 200 * time.Millisecond // a line is written at the latest so long after
	closeTime = 2 * time.Second        // the last ones may take so long to be written
	warnTime  = 10 * time.Second       // lines that were dropped are reported at most this often
)
