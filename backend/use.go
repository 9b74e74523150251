package backend

// Use is what a connection is wanted for. Writes hold at most half of a backend's connections, uploads
// likewise, both together at most three quarters: neither backends slow to write nor clients slow to send
// keep reads, or each other, from all of them.
type Use uint8

// The uses.
const (
	ForRead   Use = iota
	ForWrite      // a delivery
	ForUpload     // a request whose body is still on its way from the client
	uses
)
