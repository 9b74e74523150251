package trust

import (
	"bytes"
	"net/netip"

	"tutti/wire"
)

// maxHops is how many proxies in a row are believed; a chain of more is made up.
const maxHops = 32

// Client returns the address of r's client: the rightmost address that is not a trusted
// proxy's in the chain of X-Forwarded-For and, last, the peer. Where there is no such field,
// Forwarded is read instead. When all are trusted it is the leftmost.
//
// What is not an address ("unknown", garbage, an obfuscated name) ends the walk: the client is
// then the proxy that reported it. Nothing left of the result is looked at, so that nobody
// outside of the trusted networks has a say in it. It allocates nothing unless it is lied to.
func (p *Proxies) Client(r *wire.Request, peer netip.Addr) netip.Addr {
	if !p.Has(peer) || !r.Has(wire.Forwarding) {
		return peer
	}
	w := walk{proxies: p, client: peer}
	if !w.fields(r, "x-forwarded-for") {
		w.fields(r, "forwarded")
	}
	return w.client
}

// walk goes through a chain from right to left.
type walk struct {
	proxies *Proxies
	client  netip.Addr
	hops    int
}

// fields walks through the fields of this name, the last line first. It tells whether there
// was one.
func (w *walk) fields(r *wire.Request, name string) (found bool) {
	on := true
	for i := len(r.Fields) - 1; i >= 0 && on; i-- {
		f := &r.Fields[i]
		if f.Kind != wire.Forwarding || !wire.EqualFold(r.Head[f.Line:f.NameEnd], name) {
			continue
		}
		found = true
		if value := r.Head[f.Value:f.ValueEnd]; name == "forwarded" {
			on = w.forwarded(value)
		} else {
			on = w.list(value)
		}
	}
	return found
}

// list walks through an X-Forwarded-For. Empty elements are nothing (RFC 9110 §5.6.1.2).
func (w *walk) list(value []byte) bool {
	for len(value) > 0 {
		i := bytes.LastIndexByte(value, ',')
		if node := bytes.Trim(value[i+1:], " \t"); len(node) > 0 && !w.hop(node) {
			return false
		}
		value = value[:max(i, 0)]
	}
	return true
}

// forwarded walks through a Forwarded, which can only be read from left to right.
func (w *walk) forwarded(value []byte) bool {
	var last [maxHops][]byte
	n := 0
	for len(value) > 0 {
		node, rest, ok := wire.NextForwarded(value)
		if !ok {
			return false
		}
		last[n%maxHops] = node
		n++
		value = rest
	}
	for i := range min(n, maxHops) {
		if !w.hop(last[(n-1-i)%maxHops]) {
			return false
		}
	}
	return n <= maxHops
}

// hop takes the next address of the chain. It returns false when the walk is over.
func (w *walk) hop(node []byte) bool {
	a, ok := address(node)
	if !ok {
		return false
	}
	w.client = a
	w.hops++
	return w.hops < maxHops && w.proxies.Has(a)
}
