//go:build !race

package trust

import (
	"net/netip"
	"testing"
)

func TestAllocsOfFindingTheClientAreNone(t *testing.T) {
	p, peer := proxies(), netip.MustParseAddr("10.0.0.1")
	list := request(t, "X-Forwarded-For: 6.6.6.6, [2001:db9::1]:80, 10.0.0.7\r\n")
	forwarded := request(t, "Forwarded: for=6.6.6.6, for=\"[2001:db9::1]:80\", for=10.0.0.7\r\n")
	if n := testing.AllocsPerRun(100, func() {
		p.Client(list, peer)
		p.Client(forwarded, peer)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
