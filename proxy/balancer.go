// Package proxy is the balanced path: a request goes to one backend, in turn, and is streamed
// both ways with bounded memory.
package proxy

import (
	"errors"
	"time"

	"tutti/backend"
	"tutti/front"
)

// Options of a Balancer.
type Options struct {
	Group         *backend.Group
	Tries         int           // backends a safe request is tried on
	QueueTimeout  time.Duration // how long a request waits for a free connection
	StreamTimeout time.Duration // idle time of a tunnel; 0: no limit
	Pseudonym     string        // this process in Via
}

// Balancer answers requests from one backend each.
type Balancer struct{ o Options }

// New returns a Balancer, or an error that says which option can't work.
func New(o Options) (*Balancer, error) {
	switch {
	case o.Group == nil:
		return nil, errors.New("cannot balance without backends")
	case o.Tries < 1:
		return nil, errors.New("cannot balance with less than one try")
	case o.Pseudonym == "":
		return nil, errors.New("cannot forward without a name for Via")
	}
	return &Balancer{o}, nil
}

// Serve answers x. Requests that are here as a whole take the short path, the others stream.
func (p *Balancer) Serve(x *front.Exchange) {
	body, whole := x.Body()
	if whole {
		p.whole(x, body)
	} else {
		p.stream(x)
	}
}
