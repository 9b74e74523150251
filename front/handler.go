package front

// Handler answers requests.
type Handler interface {
	// Serve answers x on the connection's goroutine. It must not keep x or anything that
	// aliases it, and no other goroutine may be using x any more when it returns. It leaves
	// the answer in x.Out (flushed by the loop) or sends it itself.
	Serve(x *Exchange)
	// Refuse is told of a request the front answered itself (status 400, 408, 431, 505 ...),
	// and of one cut short by its client, which gets no answer (400).
	Refuse(status int)
}
