package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// The bounds of what a client may take.
const (
	maxConns     = 256
	maxHeader    = 16 << 10
	maxBody      = 64 << 10
	readTimeout  = 10 * time.Second // a request in full
	writeTimeout = time.Minute      // its answer in full
	idleTimeout  = 75 * time.Second
)

// Server is the admin listener.
type Server struct {
	o         Options
	guard     guard
	resources map[string]*resource
	http      *fasthttp.Server
	log       *throttledLog
	tracing   atomic.Bool
	sampler   *sampler
	modes     sync.Mutex // held while a backend's mode is remembered and set

	mu   sync.Mutex
	ln   *listener     // nil: Serve was not called yet
	done chan struct{} // closed when Serve returns; nil as ln
	stop chan struct{} // closed by Shutdown
}

// New returns a Server; Serve starts it.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Server{o: o, guard: newGuard(o.Hosts, o.Token), stop: make(chan struct{})}
	s.log = &throttledLog{log: o.Log}
	s.resources = s.exact()
	files, err := statusPage()
	if err != nil {
		return nil, fmt.Errorf("cannot read the status page: %w", err)
	}
	maps.Copy(s.resources, files)
	s.sampler = newSampler(&s.o)
	s.http = &fasthttp.Server{
		Handler:            s.handle,
		ErrorHandler:       s.unreadable,
		Logger:             s.log,
		Concurrency:        2 * maxConns, // never reached: the listener does not accept more than maxConns
		ReadBufferSize:     maxHeader,
		MaxRequestBodySize: maxBody,
		ReadTimeout:        readTimeout,
		WriteTimeout:       writeTimeout,
		IdleTimeout:        idleTimeout,

		// How often fasthttp's own goroutine looks whether it should end: that long it may
		// outlive Shutdown.
		MaxIdleWorkerDuration: time.Second,

		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		SecureErrorLogMessage:        true,
	}
	return s, nil
}

var errServedTwice = errors.New("admin: Serve was called before")

// Serve accepts from ln, which becomes the Server's, until Shutdown, and then returns nil. It
// may be called once. Running out of descriptors and the like is survived. Whether ln is on a
// loopback address decides what needs the token.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	if s.stopped() || s.ln != nil {
		served := s.ln != nil
		s.mu.Unlock()
		_ = ln.Close()
		if served {
			return errServedTwice
		}
		return nil
	}
	s.guard.loopback = onLoopback(ln.Addr())
	s.ln, s.done = newListener(ln, maxConns), make(chan struct{})
	s.mu.Unlock()
	defer close(s.done)
	var sampling sync.WaitGroup
	sampling.Go(func() { s.sampler.run(s.stop) })
	err := s.http.Serve(s.ln)
	s.halt() // whoever ended it
	sampling.Wait()
	return err
}

// stopped tells whether Shutdown was called.
func (s *Server) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// halt has whatever ends at Shutdown end.
func (s *Server) halt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped() {
		close(s.stop)
	}
}

// Shutdown closes the listener and idle connections, ends profiles that are being made, and
// waits for requests being served. What lasts when ctx is done is cut; then it returns
// ctx.Err(). When it returns, Serve has returned, too, and no goroutine serves any more.
func (s *Server) Shutdown(ctx context.Context) error {
	s.halt()
	s.mu.Lock()
	ln, done := s.ln, s.done
	s.mu.Unlock()
	if ln == nil {
		return nil
	}
	_ = ln.Close()
	ln.closeFresh()
	err := s.http.ShutdownWithContext(ctx)
	if err != nil {
		ln.cut()
		// Nothing blocks any more: sockets are closed, profiles end.
		_ = s.http.ShutdownWithContext(context.WithoutCancel(ctx))
	}
	<-done
	ln.wait()
	return err
}

// onLoopback tells whether only this machine can reach a.
func onLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
