package memory

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// tick is how long an update may wait for its sync: Journal.Update promises that much.
const tick = 50 * time.Millisecond

// Store is where a journal lies while it is closed. The zero value is empty. All methods may be
// called concurrently.
type Store struct {
	// MaxSize is how many bytes of entries and records there may be; 0: any. Not changed while a
	// journal is open.
	MaxSize int64

	mu      sync.Mutex
	open    *Journal
	disk    *content // what a crash leaves in any case
	pending []op     // what was done since, in order: a crash leaves some of the first ones
	fault   error
}

// op is something that was done. It refers to nothing of the caller's.
type op struct {
	at     time.Time
	do     func(*content)
	voided func(*content) // for what failed: takes it back; the journal does that before it goes on
}

// Options are what a journal is opened with.
type Options struct {
	Backends []string // names; their order is that of the indexes
	Forget   []string // backends, none of Backends, that are owed nothing any more
}

// Open opens the journal that lies in s. One at a time.
func (s *Store) Open(o Options) (*Journal, error) {
	for _, name := range o.Forget {
		if slices.Contains(o.Backends, name) {
			return nil, fmt.Errorf("cannot forget %s: it is one of the backends", name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != nil {
		return nil, errors.New("the journal is in use")
	}
	if s.disk == nil {
		s.disk = newContent()
		_, _ = rand.Read(s.disk.secret[:]) // never fails
	}
	for _, name := range o.Forget {
		delete(s.disk.backends, name)
	}
	s.open = &Journal{store: s, names: slices.Clone(o.Backends), now: s.disk.clone()}
	return s.open, nil
}

// Crash is a loss of power: whoever has the journal open hears ErrClosed from now on, and the
// next Open finds what was synced and the first keep(n) of the n things done since then; nil: none.
func (s *Store) Crash(keep func(n int) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticked()
	kept := 0
	if keep != nil {
		kept = keep(len(s.pending))
	}
	for _, p := range s.pending[:kept] {
		p.do(s.disk)
	}
	s.pending = nil
	if s.open != nil {
		s.open.closed = true
		s.open = nil
	}
}

// Fail has the journal fail with err, one of those that Append and Update may return, until it
// is called with nil (ErrFull: Append only). After ErrUncertain a crash may or may not leave what was refused.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

// ticked brings to disk what has waited for a sync long enough.
func (s *Store) ticked() {
	n := 0
	for n < len(s.pending) && s.pending[n].voided == nil && time.Since(s.pending[n].at) >= tick {
		s.pending[n].do(s.disk)
		n++
	}
	s.pending = slices.Delete(s.pending, 0, n)
}

// sync brings everything to disk; what failed is voided.
func (s *Store) sync() {
	for _, p := range s.pending {
		if p.voided != nil {
			p.voided(s.disk)
			continue
		}
		p.do(s.disk)
	}
	s.pending = nil
}
