package backend

import (
	"time"

	"tutti/metrics"
	"tutti/wire"
)

// Options are what all backends share. New validates them.
type Options struct {
	DialTimeout     time.Duration // connecting
	ResponseTimeout time.Duration // --backend-timeout: request's last byte sent to the answer's head
	StreamTimeout   time.Duration // each pause in a body, either way; 0: no limit
	IdleTimeout     time.Duration // idle connections are closed after this
	QueueTimeout    time.Duration // how long a read waits for a connection
	MaxConns        int           // per backend; writes hold at most half (at least 1)
	EjectAfter      int           // consecutive failures
	EjectFor        time.Duration // doubling to 5 m
	MaxHeader       int           // bytes of an answer's head
}

// Use is what a connection is wanted for; writes may hold at most half of a backend's.
type Use uint8

// The uses.
const (
	ForRead Use = iota
	ForWrite
)

// Outcome is what became of one exchange; retrying is decided above this package, by this word.
type Outcome uint8

// The outcomes.
const (
	Served    Outcome = iota // a final answer's head was received
	Unsent                   // nothing of the request can have been acted on: safe to try elsewhere
	Ambiguous                // sent, in part or whole, and not answered: it may have been done
)

// Failure is the error of every exchange: one of the package's values below, never wrapped,
// never with a peer's bytes or address.
type Failure struct {
	Outcome Outcome
	Stale   bool   // a kept connection was found closed: not the backend's failure; re-send on a fresh one if allowed
	Status  int    // 502, 503, 504 as SPEC §5
	Word    string // Proxy-Status error=: connection_refused, connection_terminated, connection_timeout, http_response_timeout, http_protocol_error, connection_limit_reached
}

func (f *Failure) Error() string { return f.Word }

// The failures.
var (
	ErrRefused     = &Failure{Outcome: Unsent, Status: 502, Word: "connection_refused"}  // could not connect (any dial error but a timeout)
	ErrDialTimeout = &Failure{Outcome: Unsent, Status: 504, Word: "connection_timeout"}
	ErrBusy        = &Failure{Outcome: Unsent, Status: 503, Word: "connection_limit_reached"} // no free connection in time; no failure of the backend
	ErrStaleUnsent = &Failure{Outcome: Unsent, Stale: true, Status: 502, Word: "connection_terminated"}    // seen closed (or with bytes nobody asked for) before anything was sent
	ErrStale       = &Failure{Outcome: Ambiguous, Stale: true, Status: 502, Word: "connection_terminated"} // re-used, sent, closed with no byte of an answer
	ErrTerminated  = &Failure{Outcome: Ambiguous, Status: 502, Word: "connection_terminated"}
	ErrTimeout     = &Failure{Outcome: Ambiguous, Status: 504, Word: "http_response_timeout"}
	ErrProtocol    = &Failure{Outcome: Ambiguous, Status: 502, Word: "http_protocol_error"}
	ErrInterrupted = &Failure{Outcome: Ambiguous, Status: 502, Word: "connection_terminated"} // Interrupt was called; the exchange can go on
	ErrAbandoned   = &Failure{Outcome: Ambiguous, Status: 502, Word: "connection_terminated"} // Abandon was called (the client left)
)

// Backend is one server: its address, its connections, whether it is live, what it lacks.
type Backend struct{ skeleton }

// Conn is one connection to a backend, claimed by one exchange at a time.
// Send and the receiving methods may run in two goroutines at once (an upload with an early
// answer); everything else belongs to the claimer. A claim ends with exactly one Release or Close.
type Conn struct{ skeleton }

type skeleton struct{}

// New returns a backend named name ("host:port", as in metrics and on pages) dialled at the
// same. index is its position in --backend.
func New(name string, index int, o Options, m *metrics.Backend) (*Backend, error) { panic("todo") }

// Name is "host:port".
func (b *Backend) Name() string { panic("todo") }

// Index is its position in --backend, from 0.
func (b *Backend) Index() int { panic("todo") }

// Metrics are its series.
func (b *Backend) Metrics() *metrics.Backend { panic("todo") }

// Idle claims an idle connection, nil when there is none (or writes hold their half). It never blocks.
func (b *Backend) Idle(u Use) *Conn { panic("todo") }

// Acquire claims an idle connection or dials one; when MaxConns are in use it waits, at most
// wait, first come first served. Errors: ErrRefused, ErrDialTimeout, ErrBusy.
func (b *Backend) Acquire(u Use, wait time.Duration) (*Conn, error) { panic("todo") }

// Exchange claims a connection, sends req (a whole request) and receives the final answer's
// head into resp. 1xx answers are skipped unless early is not nil, which is then called with
// each (at most 16; more is ErrProtocol). When a kept connection turns out stale it is
// re-sent once on a fresh one if resend is set or nothing was sent. It tells Group about
// success and failure and counts the metrics. On success the Conn is positioned at the body
// and the caller must read it (NextBody) and Release, or Close.
// head: the request was HEAD.
func (b *Backend) Exchange(u Use, wait time.Duration, req []byte, head, resend bool, hold Holder, resp *wire.Response) (*Conn, error) {
	panic("todo")
}

// Holder is told which connection an exchange is using, so that it can be abandoned when the
// client leaves: Hold(c) after a claim, Hold(nil) before the claim ends. nil is allowed.
type Holder interface{ Hold(c interface{ Abandon() }) }

// Send writes all of p, blocking while the socket is full (each pause at most StreamTimeout).
// On a re-used connection the first Send looks (MSG_PEEK) whether it is still open: ErrStaleUnsent.
func (c *Conn) Send(p []byte) error { panic("todo") }

// Await starts the clock for the answer's head: now + ResponseTimeout, called when the request's last
// byte was sent. until, if not 0, is an earlier moment (clock.Now) at which Receive returns
// ErrInterrupted; the exchange may then go on, in any goroutine, with another Expect/Receive.
func (c *Conn) Await(sent int64, until int64) { panic("todo") }

// Receive blocks for one head, interim ones included, and parses it into resp (which aliases
// the connection's buffer until NextBody or another Receive).
func (c *Conn) Receive(head bool, resp *wire.Response) error { panic("todo") }

// SendReceive is Send and Receive in one wait (one poller round trip): for requests that are complete.
func (c *Conn) SendReceive(p []byte, head bool, resp *wire.Response) error { panic("todo") }

// NextBody returns the next run of the body's bytes (decoded, aliasing the connection's buffer
// until the next call), io.EOF at its true end; cut short is ErrTerminated, a pause longer
// than StreamTimeout ErrTimeout. After a 101 or a HEAD it is io.EOF at once.
func (c *Conn) NextBody() ([]byte, error) { panic("todo") }

// Pending tells whether NextBody can return without waiting for the network.
func (c *Conn) Pending() bool { panic("todo") }

// Trailers are those of a chunked answer after io.EOF, lines with CRLF.
func (c *Conn) Trailers() []byte { panic("todo") }

// Abandon makes every blocked and later call on c fail with ErrAbandoned. Safe from any
// goroutine while the claim lasts.
func (c *Conn) Abandon() { panic("todo") }

// Interrupt makes a blocked Receive or NextBody return ErrInterrupted; the exchange can go on afterwards.
func (c *Conn) Interrupt() { panic("todo") }

// Release gives c back: kept if the exchange ended cleanly (answer read to its end, both sides keep
// alive, request sent whole, no byte left over), closed otherwise.
func (c *Conn) Release() { panic("todo") }

// Close ends the connection.
func (c *Conn) Close() { panic("todo") }

// Backend is whose connection it is.
func (c *Conn) Backend() *Backend { panic("todo") }

// Reused tells whether the connection served an exchange before this claim.
func (c *Conn) Reused() bool { panic("todo") }

// Succeeded and Failed tell what an exchange that was not made by Exchange showed about the
// backend. Stale, busy, interrupted and abandoned are not failures and are ignored by Failed.
func (b *Backend) Succeeded() { panic("todo") }

// Failed: see Succeeded.
func (b *Backend) Failed(f *Failure) { panic("todo") }
