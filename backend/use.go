package backend

// Use is what a connection is wanted for; writes may hold at most half of a backend's.
type Use uint8

// The uses.
const (
	ForRead Use = iota
	ForWrite
)
