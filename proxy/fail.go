package proxy

import (
	"errors"

	"tutti/answer"
	"tutti/backend"
	"tutti/front"
)

// errNoBackend: every backend is drained or held.
var errNoBackend = &backend.Failure{Outcome: backend.Unsent, Status: 503, Word: "destination_unavailable"}

// errStopping: the drain's time was over before the answer had come.
var errStopping = &backend.Failure{Outcome: backend.Ambiguous, Status: 503, Word: "destination_unavailable"}

// statusLeft is nginx's code for a client that left before its answer; it is only counted.
const statusLeft = 499

// asFailure: every error of package backend is a *Failure.
func asFailure(err error) *backend.Failure {
	if f, ok := errors.AsType[*backend.Failure](err); ok {
		return f
	}
	return backend.ErrTerminated
}

// unasked is the failure of a backend that changes the protocol though nobody asked it to
// (RFC 9110 §7.8).
func unasked(c *backend.Conn) *backend.Failure {
	c.Backend().Failed(backend.ErrProtocol)
	return backend.ErrProtocol
}

// fail answers for a request that no backend answered, unless an answer has begun or nobody
// is there to take it.
func fail(x *front.Exchange, f *backend.Failure) {
	if x.Begun() {
		x.Abort()
		return
	}
	if x.Dismissed() {
		f = errStopping
	} else if left(x, f) {
		x.Status = statusLeft
		x.Abort()
		return
	}
	problem := answer.Problem{Status: f.Status, Error: f.Word, Detail: detail(f)}
	if f.Status == 503 {
		problem.RetryAfter = 1
	}
	x.Status = f.Status
	x.Out = answer.Append(x.Out, &problem, answer.Reply{
		Head: string(x.Req.Method) == "HEAD", KeepAlive: x.KeepAlive(), Minor: x.Req.Minor,
	})
}

// left tells whether f came of the client's leaving.
func left(x *front.Exchange, f *backend.Failure) bool { return x.Left() || f == backend.ErrAbandoned }

func detail(f *backend.Failure) string {
	if f == errStopping {
		return "The proxy stops before a backend has answered."
	}
	switch f.Word {
	case "destination_unavailable":
		return "Every backend is drained or held."
	case "connection_limit_reached":
		return "All connections to the backend are in use."
	case "connection_refused":
		return "The backend could not be connected to."
	case "tls_certificate_error":
		return "The backend's certificate could not be verified."
	case "tls_protocol_error":
		return "The backend and the proxy could not agree on TLS."
	case "connection_timeout":
		return "Connecting to the backend took too long."
	case "http_response_timeout":
		return "The backend took too long to answer."
	case "http_protocol_error":
		return "The backend's answer was not valid HTTP."
	}
	return "The backend closed the connection before it had answered."
}
