package proxy

import (
	"tutti/backend"
	"tutti/front"
)

// trying notes for the access log that x goes to b.
func trying(x *front.Exchange, b *backend.Backend) {
	x.Trace.Backend = b.Name()
	x.Trace.Tries++
}
