package trust

import (
	"bytes"
	"net/netip"
	"unsafe"

	"tutti/wire"
)

// maxAddress is the longest text of an IPv6 address, one that ends in an IPv4 address.
const maxAddress = 45

// address reads what proxies write for a host: an address, IPv6 with or without brackets, and
// perhaps a port (RFC 7239 §6). Zones mean nothing on another host and are not taken.
func address(node []byte) (netip.Addr, bool) {
	switch colon := bytes.IndexByte(node, ':'); {
	case len(node) > 0 && node[0] == '[':
		end := bytes.IndexByte(node, ']')
		if end < 0 || !port(node[end+1:]) {
			return netip.Addr{}, false
		}
		a, ok := parse(node[1:end])
		return a, ok && 0 < colon && colon < end
	case colon >= 0 && bytes.IndexByte(node[colon+1:], ':') < 0:
		if !port(node[colon:]) {
			return netip.Addr{}, false
		}
		node = node[:colon]
	}
	return parse(node)
}

// port tells whether b is ":port" or nothing. An obfuscated port (RFC 7239 §6.3) is none.
func port(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	n, ok := wire.ParseUint(b[1:])
	return b[0] == ':' && ok && n <= 65535
}

// parse reads an address. netip has no way to parse bytes without copying them to the heap:
// an error could refer to its input. This one is thrown away here.
func parse(b []byte) (netip.Addr, bool) {
	if len(b) == 0 || len(b) > maxAddress || bytes.IndexByte(b, '%') >= 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(unsafe.String(&b[0], len(b)))
	return a.Unmap(), err == nil
}
