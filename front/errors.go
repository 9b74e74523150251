package front

import (
	"errors"

	"tutti/wire"
)

// What ends reading a body or sending an answer.
var (
	// ErrClientLeft is returned when the client closed or reset its connection, or the
	// server was closed.
	ErrClientLeft = errors.New("the client left")
	// ErrClientSlow is returned when the client paused for longer than ClientTimeout.
	ErrClientSlow = errors.New("the client was too slow")
	// ErrBodyCut is returned by ReadBody once CutBody was called.
	ErrBodyCut = errors.New("reading the body was cut short by its reader")
)

// The refusals that are the front's own; the others are wire's.
var (
	errTooSlow  = &wire.Error{Status: 408, Detail: "The request did not arrive in time."}
	errTooLarge = &wire.Error{Status: 431, Detail: "The request's header is too large."}
	errPlain    = &wire.Error{Status: 400, Detail: "This port speaks TLS, and the request came without it."}
	errCutShort = &wire.Error{Status: 400, Detail: "The request was cut short."}
)
