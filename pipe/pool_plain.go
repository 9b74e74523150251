//go:build !linux || !(amd64 || arm64) || tutti_plain

package pipe

// Pipe is none here.
type Pipe struct{}

// Pool has nothing to lend here.
type Pool struct{}

// Take returns nil.
func (*Pool) Take() *Pipe { return nil }

// Expire does nothing.
func (*Pool) Expire(int64) int64 { return 0 }

// Close does nothing.
func (*Pool) Close() {}

// Open is 0.
func (*Pool) Open() int { return 0 }
