package trust

import (
	"net/netip"
	"testing"
)

func TestANetworkIsReadOrRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got := "refused"
		if n, err := ParseNetwork(text); err == nil {
			got = n.String()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	f("10.0.0.0/8", "10.0.0.0/8")
	f("192.0.2.1", "192.0.2.1/32")
	f("2001:DB8::/32", "2001:db8::/32")
	f("::1", "::1/128")
	f("0.0.0.0/0", "0.0.0.0/0")
	// IPv4 in IPv6 is IPv4: that is how peers are looked up.
	f("::ffff:10.0.0.0/104", "10.0.0.0/8")
	f("::ffff:10.0.0.1", "10.0.0.1/32")
	f("::ffff:0.0.0.0/95", "refused")
	for _, bad := range []string{"", "10.0.0.1/8", "10.0.0.0/33", "10/8", "fe80::1%eth0", "fe80::%1/64", "proxy", "10.0.0.0/", "10.0.0.0/8/8", "010.0.0.1"} {
		f(bad, "refused")
	}
}

func TestNobodyIsTrustedWithoutNetworks(t *testing.T) {
	if p := New(nil); p != nil || p.Has(netip.MustParseAddr("127.0.0.1")) {
		t.Error("somebody is")
	}
	if New([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}).Has(netip.Addr{}) {
		t.Error("no address at all is")
	}
}
