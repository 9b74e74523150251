package trust

import (
	"errors"
	"net/netip"
	"strings"
)

// Proxies is the networks whose forwarding fields are believed. It does not change once made.
// A nil *Proxies is nobody.
type Proxies struct{ networks []netip.Prefix }

// New returns the set of these networks, as ParseNetwork gives them; nil when there is none.
func New(networks []netip.Prefix) *Proxies {
	if len(networks) == 0 {
		return nil
	}
	return &Proxies{append([]netip.Prefix(nil), networks...)}
}

// Has tells whether a, without zone and not IPv4 in IPv6, is a trusted proxy's.
func (p *Proxies) Has(a netip.Addr) bool {
	if p == nil {
		return false
	}
	for i := range p.networks {
		if p.networks[i].Contains(a) {
			return true
		}
	}
	return false
}

// ErrNetwork says what a network looks like.
var ErrNetwork = errors.New("want networks or addresses such as 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32")

// ParseNetwork reads a network, or a single address. Errors say what is wanted: bits set
// behind the network's length are one, since they are nearly always a slip.
func ParseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, ErrNetwork
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	n, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, ErrNetwork
	}
	if a := n.Addr(); a.Is4In6() {
		if n.Bits() < 96 {
			return netip.Prefix{}, ErrNetwork
		}
		n = netip.PrefixFrom(a.Unmap(), n.Bits()-96)
	}
	if n != n.Masked() {
		return netip.Prefix{}, errors.New("there are bits set behind the network's length, want " + n.Masked().String())
	}
	return n, nil
}
