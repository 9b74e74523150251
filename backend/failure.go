package backend

// Failure is the error of every exchange: one of the package's values below, never wrapped,
// never with a peer's bytes or address.
type Failure struct {
	Outcome Outcome
	Stale   bool   // a kept connection was found closed: not the backend's failure; re-send on a fresh one if allowed
	Status  int    // 502, 503 or 504: what a client is told
	Word    string // Proxy-Status error=: connection_refused, connection_terminated, connection_timeout, http_response_timeout, http_protocol_error, connection_limit_reached, tls_certificate_error, tls_protocol_error
}

// Error implements error.
func (f *Failure) Error() string { return f.Word }

// The failures.
var (
	// ErrRefused is any error in connecting but a timeout and those of TLS.
	ErrRefused = &Failure{Outcome: Unsent, Status: 502, Word: "connection_refused"}
	// ErrDialTimeout: not connected within DialTimeout.
	ErrDialTimeout = &Failure{Outcome: Unsent, Status: 504, Word: "connection_timeout"}
	// ErrCertificate: the backend's certificate is not one for its name that we trust (RFC 9209 §2.3.17).
	ErrCertificate = &Failure{Outcome: Unsent, Status: 502, Word: "tls_certificate_error"}
	// ErrHandshake: connected, but there was no agreement on TLS (RFC 9209 §2.3.16).
	ErrHandshake = &Failure{Outcome: Unsent, Status: 502, Word: "tls_protocol_error"}
	// ErrBusy: no free connection in time; no failure of the backend.
	ErrBusy = &Failure{Outcome: Unsent, Status: 503, Word: "connection_limit_reached"}
	// ErrStaleUnsent: a kept connection was seen closed, or with bytes nobody asked for, before anything was sent.
	ErrStaleUnsent = &Failure{Outcome: Unsent, Stale: true, Status: 502, Word: "connection_terminated"}
	// ErrStale: a kept connection was closed after sending, with no byte of an answer.
	ErrStale = &Failure{Outcome: Ambiguous, Stale: true, Status: 502, Word: "connection_terminated"}
	// ErrTerminated: closed or reset before the answer's end.
	ErrTerminated = &Failure{Outcome: Ambiguous, Status: 502, Word: "connection_terminated"}
	// ErrTimeout: no head within ResponseTimeout, or a pause in a body longer than StreamTimeout.
	ErrTimeout = &Failure{Outcome: Ambiguous, Status: 504, Word: "http_response_timeout"}
	// ErrProtocol: the answer is not HTTP/1.x as a strict parser takes it, or its head is too long.
	ErrProtocol = &Failure{Outcome: Ambiguous, Status: 502, Word: "http_protocol_error"}
	// ErrInterrupted: Interrupt was called or Await's until reached; the exchange can go on.
	ErrInterrupted = &Failure{Outcome: Ambiguous, Status: 502, Word: "connection_terminated"}
	// ErrAbandoned: Abandon was called (the client left).
	ErrAbandoned = &Failure{Outcome: Ambiguous, Status: 502, Word: "connection_terminated"}
)

// Unreached tells whether no connection could be made at all.
func (f *Failure) Unreached() bool {
	switch f {
	case ErrRefused, ErrDialTimeout, ErrCertificate, ErrHandshake:
		return true
	}
	return false
}

// counts tells whether f says something bad about the backend.
func (f *Failure) counts() bool {
	return f != nil && !f.Stale && f != ErrBusy && f != ErrInterrupted && f != ErrAbandoned
}
