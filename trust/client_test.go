package trust

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tutti/wire"
)

// proxies are the networks of the tests.
func proxies() *Proxies {
	return New([]netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("192.0.2.7/32"),
	})
}

func request(tb testing.TB, fields string) *wire.Request {
	tb.Helper()
	r := new(wire.Request)
	if err := r.Parse([]byte("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n")); err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestTheClientIsTheRightmostUntrustedAddress(t *testing.T) {
	p := proxies()
	f := func(peer, fields, want string) {
		t.Helper()
		if got := p.Client(request(t, fields), netip.MustParseAddr(peer)).String(); got != want {
			t.Errorf("peer %s, %q: %s, want %s", peer, fields, got, want)
		}
	}
	// A stranger's word is nothing.
	f("1.1.1.1", "", "1.1.1.1")
	f("1.1.1.1", "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n", "1.1.1.1")
	f("192.0.2.8", "X-Forwarded-For: 6.6.6.6\r\n", "192.0.2.8")
	// A trusted proxy's is, about the one before it.
	f("10.0.0.1", "", "10.0.0.1")
	f("10.0.0.1", "X-Forwarded-For: 1.1.1.1\r\n", "1.1.1.1")
	f("192.0.2.7", "X-Forwarded-For: 2001:db9::1\r\n", "2001:db9::1")
	// What the client had said itself stands left of that.
	f("10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.1.1.1\r\n", "1.1.1.1")
	f("10.0.0.1", "X-Forwarded-For: 10.0.0.9, 1.1.1.1\r\n", "1.1.1.1")
	f("10.0.0.1", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.1.1.1\r\n", "1.1.1.1")
	f("10.0.0.1", "X-Forwarded-For: 6.6.6.6, junk\r\nX-Forwarded-For: 1.1.1.1\r\n", "1.1.1.1")
	// Several proxies.
	f("10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.1.1.1, 2001:db8::5, 10.3.2.1\r\n", "1.1.1.1")
	f("10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.1.1.1\r\nX-Forwarded-For: 10.0.0.4\r\n", "1.1.1.1")
	// All are trusted: the first.
	f("10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3")
	// Garbage ends the walk at who reported it.
	f("10.0.0.1", "X-Forwarded-For: 6.6.6.6, junk, 10.0.0.2\r\n", "10.0.0.2")
	f("10.0.0.1", "X-Forwarded-For: 6.6.6.6, unknown\r\n", "10.0.0.1")
	f("10.0.0.1", "X-Forwarded-For: 1.1.1.1 6.6.6.6\r\n", "10.0.0.1")
	for _, junk := range []string{"1.1.1", "01.1.1.1", "1.1.1.1.1", "::1%eth0", "[::1", "::1]", "[1.1.1.1]", "[1.1.1.1]:80", "1.1.1.1:", "1.1.1.1:65536", "1.1.1.1:+1", ":80", "[]", "[]:1", "[", "\"1.1.1.1\"", "1.1.1.1/32", "for=1.1.1.1", "\xff", "[::1]1", "[::1]::1", strings.Repeat("1", 5000)} {
		f("10.0.0.1", "X-Forwarded-For: 6.6.6.6, "+junk+"\r\n", "10.0.0.1")
	}
	// Ports, brackets, empty elements and white space are what proxies write.
	f("10.0.0.1", "X-Forwarded-For: 6.6.6.6,1.1.1.1:5000\r\n", "1.1.1.1")
	f("10.0.0.1", "X-Forwarded-For: [2001:db9::1]:443\r\n", "2001:db9::1")
	f("10.0.0.1", "X-Forwarded-For: [2001:db9::1]\r\n", "2001:db9::1")
	f("10.0.0.1", "X-Forwarded-For: ::ffff:1.1.1.1\r\n", "1.1.1.1")
	f("10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.1.1.1 ,, \t,\r\nX-Forwarded-For:\r\n", "1.1.1.1")
	// Forwarded only without X-Forwarded-For: a client may have sent it past a proxy that does not know it.
	f("10.0.0.1", "Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 1.1.1.1\r\n", "1.1.1.1")
	f("10.0.0.1", "Forwarded: for=6.6.6.6;proto=http, For=\"[2001:db9::1]:1\";by=_x, for=10.0.0.2\r\n", "2001:db9::1")
	f("10.0.0.1", "Forwarded: for=6.6.6.6\r\nForwarded: for=1.1.1.1\r\n", "1.1.1.1")
	f("10.0.0.1", "Forwarded: for=\"6.6.6.6\r\nForwarded: for=1.1.1.1\r\n", "1.1.1.1")
	f("10.0.0.1", "Forwarded: for=6.6.6.6\r\nForwarded: for=\", for=1.1.1.1\r\n", "10.0.0.1")
	f("10.0.0.1", "Forwarded: for=6.6.6.6, for=_hidden, for=10.0.0.3\r\n", "10.0.0.3")
	f("10.0.0.1", "Forwarded: for=6.6.6.6, proto=http\r\n", "10.0.0.1")
	f("10.0.0.1", "Forwarded: for=6.6.6.6;for=1.1.1.1\r\n", "10.0.0.1")
	// Other fields, and spellings with "_", say nothing.
	f("10.0.0.1", "X_Forwarded_For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded: 6.6.6.6\r\n", "10.0.0.1")
}

func TestAChainThatNeverEndsIsNotWalked(t *testing.T) {
	p := proxies()
	peer := netip.MustParseAddr("10.0.0.1")
	var list, elements []string
	for i := range 2 * maxHops {
		list = append(list, fmt.Sprintf("10.0.1.%d", i))
		elements = append(elements, fmt.Sprintf("for=10.0.1.%d", i))
	}
	for _, field := range []string{"X-Forwarded-For: 6.6.6.6, " + strings.Join(list, ", "), "Forwarded: for=6.6.6.6, " + strings.Join(elements, ", ")} {
		if got := p.Client(request(t, field+"\r\n"), peer); got.String() != fmt.Sprintf("10.0.1.%d", maxHops) {
			t.Errorf("got %v", got)
		}
	}
}

// FuzzClient: the result is the peer or an address in the chain; whatever a client writes left
// of what its proxy appends changes nothing.
func FuzzClient(f *testing.F) {
	f.Add("1.2.3.4, 10.0.0.1", "X-Forwarded-For")
	f.Add(`for="[::1]:80", for=_x`, "Forwarded")
	f.Add(`for="`, "forwarded")
	f.Add("[::1]:1,,unknown", "x_forwarded-for")
	p := proxies()
	peer, client := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("1.1.1.1")
	f.Fuzz(func(t *testing.T, value, name string) {
		var r wire.Request
		spoof := name + ": " + value + "\r\n"
		if r.Parse([]byte("GET / HTTP/1.1\r\nHost: a\r\n"+spoof+"\r\n")) != nil {
			return
		}
		if got := p.Client(&r, client); got != client {
			t.Fatalf("a stranger became %v", got)
		}
		if got := p.Client(&r, peer); !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Fatalf("got %v", got)
		}
		// The proxy in front appends, to the last line or in one of its own.
		for _, head := range []string{
			"GET / HTTP/1.1\r\nHost: a\r\n" + spoof + "X-Forwarded-For: 1.1.1.1\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + value + ", 1.1.1.1\r\n\r\n",
		} {
			if r.Parse([]byte(head)) != nil {
				continue
			}
			if got := p.Client(&r, peer); got != client {
				t.Fatalf("%q: the client became %v", head, got)
			}
		}
	})
}

func BenchmarkClient(b *testing.B) {
	p, peer := proxies(), netip.MustParseAddr("10.0.0.1")
	r := request(b, "X-Forwarded-For: 6.6.6.6, 1.1.1.1, 10.0.0.7\r\n")
	b.ReportAllocs()
	for b.Loop() {
		p.Client(r, peer)
	}
}
