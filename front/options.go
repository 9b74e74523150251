package front

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"time"
)

// Options of a Server. New validates.
type Options struct {
	Handler       Handler
	MaxHeader     int           // bytes of a head; past it 431
	ClientTimeout time.Duration // a head in all (408); each pause in a body or in taking the answer
	IdleTimeout   time.Duration // between requests; closed silently
	MaxClients    int           // 0: no limit; more wait in the kernel's backlog
	Log           *slog.Logger  // nil: none
	TLS           *tls.Config   // nil: none; it may offer http/1.1 alone

	// Trusted tells whether a peer is a proxy whose forwarding fields are believed. It is asked
	// once per connection. nil: nobody is.
	Trusted func(netip.Addr) bool

	// Ended is told of each request once its answer was sent or given up, also of one the front
	// refused or its client cut short, on the connection's goroutine. It may use x.Up; it must not
	// block and not keep x. nil: nobody is told, and what only it would read is not measured.
	Ended func(x *Exchange)
}

func (o *Options) validate() error {
	switch {
	case o.Handler == nil:
		return errors.New("cannot serve without a handler")
	case o.MaxHeader <= 0:
		return errors.New("cannot serve with a header limit of 0")
	case o.ClientTimeout <= 0:
		return errors.New("cannot serve with a client timeout of 0")
	case o.IdleTimeout <= 0:
		return errors.New("cannot serve with an idle timeout of 0")
	case o.MaxClients < 0:
		return errors.New("cannot serve with a negative number of clients")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// The bounds of the sweeper's tick.
const (
	minTick = 5 * time.Millisecond
	maxTick = 250 * time.Millisecond
)

// tick is how often the sweeper looks: often enough that what is overdue is cut within a
// quarter of its timeout.
func (o *Options) tick() time.Duration {
	return min(max(min(o.ClientTimeout, o.IdleTimeout)/8, minTick), maxTick)
}
