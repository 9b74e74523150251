package admin

import (
	"errors"
	"io"
	"log/slog"
	"time"

	"tutti/backend"
	"tutti/fanout"
	"tutti/front"
	"tutti/metrics"
)

// Writes is what the pages need of fanout.Fanout.
type Writes interface {
	Snapshot() metrics.Writes
	Lookup(id string) (fanout.View, bool)
	List(q fanout.Filter) []fanout.View
	Retry(id string, force bool) error // fanout.ErrUnknown, fanout.ErrState, fanout.ErrOvertaken
	Drop(id string) error              // fanout.ErrUnknown, fanout.ErrState
	Forget(backend string) (fanout.Forgotten, error)
}

// Backend is what the pages need of backend.Backend.
type Backend interface {
	Name() string
	State() (s backend.State, since int64) // since: Unix nanoseconds
	Up() bool
	Down() (since int64, why string) // 0: it is not
	Stats() backend.Stats
	Metrics() *metrics.Backend
	Drain()
	Hold()
	Resume()
}

// Metrics is what the pages need of metrics.Set.
type Metrics interface {
	WritePrometheus(w io.Writer)
}

// Options of a Server. New validates them.
type Options struct {
	Writes   Writes
	Backends []Backend // in --backend order, as Writes.Snapshot has them
	Metrics  Metrics
	Front    func() front.Stats
	Stopping func() bool // nil: never

	// Remember keeps the i-th backend's mode over restarts. It is called before the mode is set
	// and the operator answered, never twice at once; on an error nothing is changed. nil: it is not kept.
	Remember func(i int, m backend.Mode) error

	Hosts []string // names accepted as Host besides localhost and IP literals, without port
	Token string   // bearer token; empty: none

	Version string
	Started time.Time
	Listen  string // where clients connect
	Log     *slog.Logger
}

func (o *Options) validate() error {
	switch {
	case o.Writes == nil:
		return errors.New("admin: Writes must be set")
	case len(o.Backends) == 0:
		return errors.New("admin: Backends must not be empty")
	case o.Metrics == nil:
		return errors.New("admin: Metrics must be set")
	case o.Front == nil:
		return errors.New("admin: Front must be set")
	}
	if o.Stopping == nil {
		o.Stopping = func() bool { return false }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}
