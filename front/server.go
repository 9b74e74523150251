package front

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Server is the front.
type Server struct {
	o       Options
	set     connset
	works   sync.Pool     // *work
	slots   chan struct{} // nil: no limit of clients
	sweeper sweeper

	accepted, handled atomic.Uint64
	tick              atomic.Uint64 // counted by the sweeper
	drainTick         atomic.Uint64 // when draining began; 0: it has not

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	stopped   bool // no listener is taken any more

	dismissed atomic.Bool   // Dismiss was called
	stopping  chan struct{} // closed with stopped
	emptied   chan struct{} // told when the last connection of a draining server is gone
	accepting sync.WaitGroup
	serving   sync.WaitGroup
}

var errStopped = errors.New("cannot serve: the server was stopped")

// New returns a server; Serve starts it.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Server{
		o:         o,
		listeners: make(map[net.Listener]struct{}),
		stopping:  make(chan struct{}),
		emptied:   make(chan struct{}, 1),
	}
	s.works.New = newWork
	if o.MaxClients > 0 {
		s.slots = make(chan struct{}, o.MaxClients)
	}
	s.tick.Store(1)
	s.sweeper.init(s)
	return s, nil
}

// Serve accepts from ln until Drain or Close, and then returns nil. It may be called for
// several listeners. EMFILE, ENFILE, ECONNABORTED and the like are survived; any other error of
// the listener is returned. ln is closed when it returns.
func (s *Server) Serve(ln net.Listener) error {
	defer func() { _ = ln.Close() }()
	if !s.listen(ln) {
		return errStopped
	}
	defer s.accepting.Done()
	var pause pause
	for {
		if !s.slot() {
			return nil
		}
		// when the server stops this fails, at the latest with what is in the backlog accepted
		nc, err := ln.Accept()
		if err == nil {
			pause.end(s.o.Log)
			s.open(nc)
			continue
		}
		s.freeSlot()
		if s.isStopping() {
			return nil
		}
		if !passes(err) {
			return fmt.Errorf("cannot accept: %w", err)
		}
		pause.begin(s.o.Log, err)
		if !s.sleep(pause.next()) {
			return nil
		}
	}
}

// listen notes ln, so that Drain closes it, and starts the sweeper.
func (s *Server) listen(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.listeners[ln] = struct{}{}
	s.accepting.Add(1)
	s.sweeper.start()
	return true
}

// open starts serving a connection.
func (s *Server) open(nc net.Conn) {
	s.accepted.Add(1)
	c := newConn(s, nc)
	if !s.set.add(c) {
		_ = nc.Close()
		s.freeSlot()
		return
	}
	s.handled.Add(1)
	s.serving.Go(c.run)
}

// forget ends the accounting for a connection that was closed.
func (s *Server) forget(c *conn) {
	left := s.set.remove(c)
	s.freeSlot()
	if left == 0 && s.draining() {
		s.tellEmpty()
	}
}

func (s *Server) tellEmpty() {
	select {
	case s.emptied <- struct{}{}:
	default:
	}
}

// slot waits until another client may be accepted; false when the server stops and there is none.
func (s *Server) slot() bool {
	if s.slots == nil {
		return true
	}
	select {
	case s.slots <- struct{}{}:
		return true
	default:
	}
	select {
	case s.slots <- struct{}{}:
		return true
	case <-s.stopping:
		return false
	}
}

func (s *Server) freeSlot() {
	if s.slots != nil {
		<-s.slots
	}
}

func (s *Server) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// sleep waits for d; false when the server stops.
func (s *Server) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.stopping:
		return false
	}
}

// now is the current tick.
func (s *Server) now() uint64 { return s.tick.Load() }

// draining tells whether Drain or Close was called.
func (s *Server) draining() bool { return s.drainTick.Load() != 0 }
