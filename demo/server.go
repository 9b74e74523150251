// Package demo holds small real servers to try Tutti with: they keep users in memory, show by
// a digest whether they agree, and fail in the ways servers do.
package demo

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	maxBody     = 1 << 20          // bytes; past it 413
	idleTimeout = 75 * time.Second // longer than a proxy keeps idle connections
	readTimeout = time.Minute
	grace       = time.Second // what requests have that are being answered when the server stops
)

// Server is one demo backend. Its methods are safe for concurrent use.
type Server struct {
	name    string
	latency time.Duration
	log     *lineLog // nil: none
	flaky   *dropper // nil: drops nothing
	state   *state
	fault   atomic.Pointer[faulty]

	mu   sync.Mutex
	run  *run
	addr string // where it listens, or did last
}

func newServer(name string, latency time.Duration, log *lineLog) *Server {
	return &Server{name: name, latency: latency, log: log, state: newState()}
}

// Name is what the server calls itself.
func (s *Server) Name() string { return s.name }

// Addr is where it can be reached from this machine, "host:port". It stays over Stop and Restart.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	host, port, err := net.SplitHostPort(s.addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || (ip != nil && ip.IsUnspecified())) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return s.addr
}

// State is what GET /state answers.
func (s *Server) State() State { return s.state.view(s.name) }

// listen starts serving.
func (s *Server) listen(address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		return errors.New("it is running")
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	r := &run{ln: ln, stop: make(chan struct{}), conns: map[net.Conn]bool{}}
	r.http = &fasthttp.Server{
		Handler:               func(ctx *fasthttp.RequestCtx) { s.serve(ctx, r.stop) },
		ErrorHandler:          refuse,
		ConnState:             r.changed,
		Name:                  "tutti-demo",
		MaxRequestBodySize:    maxBody,
		ReadBufferSize:        32 << 10,
		ReadTimeout:           readTimeout,
		WriteTimeout:          readTimeout,
		IdleTimeout:           idleTimeout,
		SecureErrorLogMessage: true,
		Logger:                silent{},
	}
	s.run, s.addr = r, ln.Addr().String()
	r.wg.Go(r.accept)
	return nil
}

// Stop closes the listener, gives requests being answered a second, cuts what is left and
// returns when no goroutine of the server runs. What the server knows stays. Stopping a
// stopped server does nothing.
func (s *Server) Stop() { s.end(grace) }

// Kill is Stop without the second.
func (s *Server) Kill() { s.end(0) }

func (s *Server) end(grace time.Duration) {
	s.mu.Lock()
	r := s.run
	s.run = nil
	s.mu.Unlock()
	if r != nil {
		r.end(grace)
	}
}

// Restart listens again where the server did before Stop or Kill.
func (s *Server) Restart() error {
	s.mu.Lock()
	address := s.addr
	s.mu.Unlock()
	if err := s.listen(address); err != nil {
		return fmt.Errorf("cannot restart demo backend %s: %w", s.name, err)
	}
	return nil
}

// refuse answers what is not HTTP, or too much of it.
func refuse(ctx *fasthttp.RequestCtx, err error) {
	var (
		small   *fasthttp.ErrSmallBuffer
		network net.Error
	)
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		ctx.Error("the body is longer than "+strconv.Itoa(maxBody)+" bytes", fasthttp.StatusRequestEntityTooLarge)
	case errors.As(err, &small):
		ctx.Error("the head is too large", fasthttp.StatusRequestHeaderFieldsTooLarge)
	case errors.As(err, &network) && network.Timeout():
		ctx.Error("the request took too long", fasthttp.StatusRequestTimeout)
	default:
		ctx.Error("this is not a request", fasthttp.StatusBadRequest)
	}
	ctx.SetConnectionClose()
}

// silent drops what fasthttp would log of clients' mistakes.
type silent struct{}

// Printf implements fasthttp.Logger.
func (silent) Printf(string, ...any) {}
