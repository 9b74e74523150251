// Package front accepts clients' connections and reads their requests: a serve loop of its
// own, one goroutine per connection, on fasthttp's header types and the strict pass of wire.
package front

import (
	"context"
	"io"
	"log/slog"
	"net"
	"time"

	"tutti/wire"
)

// Handler answers requests.
type Handler interface {
	// Serve answers x on the connection's goroutine. It must not keep x or anything that
	// aliases it. It leaves the answer in x.Out (flushed by the loop) or sends it itself.
	Serve(x *Exchange)
	// Refuse is told of a request the front answered itself (status 400, 408, 431, 505 ...).
	Refuse(status int)
}

// Options of a Server. New validates.
type Options struct {
	Handler       Handler
	MaxHeader     int           // bytes of a head; past it 431
	ClientTimeout time.Duration // a head in all (408); each pause in a body or in taking the answer
	IdleTimeout   time.Duration // between requests; closed silently
	MaxClients    int           // 0: no limit
	Log           *slog.Logger
}

// Server is the front.
type Server struct{ skeleton }

type skeleton struct{}

// New returns a server; Serve starts it.
func New(o Options) (*Server, error) { panic("todo") }

// Serve accepts from ln until Drain or Close; EMFILE, ENFILE and ECONNABORTED are survived.
func (s *Server) Serve(ln net.Listener) error { panic("todo") }

// Drain closes the listeners, goes on serving what is open with Connection: close, closes
// connections that have been silent for a second, and returns when none is left or ctx is done
// (then ctx.Err()). SPEC "Stopping", PITFALLS 27.
func (s *Server) Drain(ctx context.Context) error { panic("todo") }

// Close cuts everything and waits for every goroutine.
func (s *Server) Close() error { panic("todo") }

// Stats are nginx's stub_status numbers.
type Stats struct {
	Active, Reading, Writing, Waiting int   // connections; Active is the sum of the others
	Accepted, Handled, Requests       uint64
}

// Stats now.
func (s *Server) Stats() Stats { panic("todo") }

// Exchange is one request and its answer. It belongs to the connection.
type Exchange struct {
	Req   wire.Request
	Start int64 // clock.Now() when its head was complete

	Out    []byte // the answer's bytes not yet sent; append to it. Sent by Flush or by the loop
	Up     []byte // scratch for the handler (a forwarded head, say); capacity is kept
	Resp   wire.Response // scratch for the handler
	Status int    // set by the handler: the answer's final status

	skeleton
}

// ClientIP is the peer's address without port, formatted once per connection.
func (x *Exchange) ClientIP() string { panic("todo") }

// Loopback tells whether the peer is on a loopback address.
func (x *Exchange) Loopback() bool { panic("todo") }

// Body returns the whole body when it is already here (empty when there is none): the handler
// may then not call ReadBody. Chunked bodies are decoded. ok is false when it has to be read.
func (x *Exchange) Body() (body []byte, ok bool) { panic("todo") }

// ReadBody reads body bytes, framing checked and decoded, waiting for the client (each pause
// at most ClientTimeout). io.EOF only at the true end; a client that left in between is
// ErrClientLeft (at a chunk's edge, too); bad framing a *wire.Error; a pause too long ErrClientSlow.
func (x *Exchange) ReadBody(p []byte) (int, error) { panic("todo") }

// Trailers of a chunked body after io.EOF, lines with CRLF.
func (x *Exchange) Trailers() []byte { panic("todo") }

// Continue sends 100 Continue now if the client waits for one and none was sent.
func (x *Exchange) Continue() error { panic("todo") }

// Begun tells whether a byte of the final answer has gone to the socket.
func (x *Exchange) Begun() bool { panic("todo") }

// KeepAlive tells whether the connection will serve another request after this answer: what
// to write in its head. Once called with false it stays false for this exchange.
// It is false when the body was not read to its end, the client asked for close, or the server drains.
func (x *Exchange) KeepAlive() bool { panic("todo") }

// CloseAfter ends the connection after this answer.
func (x *Exchange) CloseAfter() { panic("todo") }

// Flush sends Out now, blocking while the client does not take it (each pause at most ClientTimeout).
func (x *Exchange) Flush() error { panic("todo") }

// Write sends Out and then p, without copying p when it is large.
func (x *Exchange) Write(p []byte) error { panic("todo") }

// Interim sends Out, which holds a 1xx answer, now; it does not count as Begun.
func (x *Exchange) Interim() error { panic("todo") }

// Abort cuts the connection when the handler returns: no more bytes, the end visibly missing.
func (x *Exchange) Abort() { panic("todo") }

// Hold names the backend connection in use (nil: none), which the front abandons when the
// client is seen to have left while its answer is awaited. Implements backend.Holder.
func (x *Exchange) Hold(c interface{ Abandon() }) { panic("todo") }

// Left tells whether the client was seen to have left.
func (x *Exchange) Left() bool { panic("todo") }

// Tunnel hands the client's side over after a 101 was flushed: what was already read, then
// the connection. The handler copies both ways and returns when done; the connection is then closed.
// Drain waits for tunnels until its context is done.
func (x *Exchange) Tunnel() (buffered []byte, c net.Conn) { panic("todo") }

var _ io.Reader
