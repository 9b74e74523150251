package proxy

import (
	"encoding/binary"
	"math/rand/v2"

	"tutti/front"
	"tutti/wire"
)

// outgoing is what every forwarded request carries besides its own fields (SPEC "What changes
// on the way"). Nobody is trusted to say who the client is.
func (p *Balancer) outgoing(x *front.Exchange) wire.Outgoing {
	o := wire.Outgoing{Pseudonym: p.o.Pseudonym, ClientIP: x.ClientIP(), Proto: "http"}
	binary.NativeEndian.PutUint64(o.RequestID[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(o.RequestID[8:], rand.Uint64())
	return o
}
