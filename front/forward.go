package front

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"tutti/wire"
)

// Peer is the address of the other end of the connection, without zone. A client behind a
// proxy has another.
func (x *Exchange) Peer() netip.Addr { return x.c.addr }

// Outgoing is what a forwarded request carries besides its own fields, whoever forwards
// it: who the client is, in which protocol it came, and whether
// what it says about others is believed. How the body is framed is the caller's to add. The
// request id in it is fresh, and noted in x.Trace.
func (x *Exchange) Outgoing(pseudonym string) wire.Outgoing {
	o := wire.Outgoing{Pseudonym: pseudonym, ClientIP: x.ClientIP(), Proto: x.Proto(), Trusted: x.c.trusted}
	binary.NativeEndian.PutUint64(o.RequestID[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(o.RequestID[8:], rand.Uint64())
	x.Trace.RequestID = o.RequestID
	return o
}
