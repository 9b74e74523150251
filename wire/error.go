package wire

// Error is why a message was refused. Errors of this package are these values, never
// wrapped and never carrying bytes of the message.
type Error struct {
	Status int    // what a client gets: 400, 405, 431, 505; 502 for answers of backends
	Detail string // one sentence for the problem's detail, without the peer's bytes
}

// Error implements error.
func (e *Error) Error() string { return e.Detail }
