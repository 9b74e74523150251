package wire

import (
	"bytes"
	"strings"
	"testing"
)

// forwardedBy returns the field lines that a request with these fields is sent on with,
// without Host, Via and the id.
func forwardedBy(t *testing.T, trusted bool, ip, fields string) string {
	t.Helper()
	r := parsed(t, "GET / HTTP/1.1\r\nHost: a:81\r\n"+fields+"\r\n")
	o := outgoing()
	o.Trusted, o.ClientIP = trusted, ip
	got := string(AppendRequest(nil, r, o))
	var kept []string
	for line := range strings.SplitSeq(got, "\r\n") {
		if name, _, ok := strings.Cut(line, ":"); ok && kindOf([]byte(name)) == Forwarding {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func TestAStrangersForwardingFieldsAreReplaced(t *testing.T) {
	const want = "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: http\nX-Forwarded-Host: a:81"
	for _, spoof := range []string{
		"", "X-Forwarded-For: 6.6.6.6\r\n", "x-forwarded-for: 6.6.6.6\r\nX-FORWARDED-FOR: 7.7.7.7\r\n", "X_Forwarded_For: 6.6.6.6\r\n",
		"X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nX-Forwarded: x\r\nX-Forwarded-Anything: x\r\n",
		"Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\nX-Real_IP: 6.6.6.6\r\n",
		"Connection: X-Forwarded-For\r\nX-Forwarded-For: 6.6.6.6\r\n",
	} {
		if got := forwardedBy(t, false, "192.0.2.1", spoof); got != want {
			t.Errorf("%q: %q, want %q", spoof, got, want)
		}
	}
}

func TestATrustedPeersForwardingFieldsAreKeptAndExtended(t *testing.T) {
	f := func(ip, fields, want string) {
		t.Helper()
		if got := forwardedBy(t, true, ip, fields); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", fields, got, want)
		}
	}
	const proto, host = "\nX-Forwarded-Proto: http", "\nX-Forwarded-Host: a:81"
	// Without any: as for everybody.
	f("10.0.0.1", "", "X-Forwarded-For: 10.0.0.1"+proto+host)
	// X-Forwarded-For: one field, in the lines' order, whatever is in it.
	f("10.0.0.1", "X-Forwarded-For: 1.2.3.4\r\n", "X-Forwarded-For: 1.2.3.4, 10.0.0.1"+proto+host)
	f("10.0.0.1", "X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\nA: b\r\nx-forwarded-for:\t9.9.9.9 \r\nX-Forwarded-For:\r\n",
		"X-Forwarded-For: 1.2.3.4, 5.6.7.8, 9.9.9.9, 10.0.0.1"+proto+host)
	f("::1", "X-Forwarded-For: unknown, \"\r\n", "X-Forwarded-For: unknown, \", ::1"+proto+host)
	// X-Forwarded-Proto and -Host stay, each for itself; empty ones say nothing.
	f("10.0.0.1", "x-forwarded-proto: https\r\n", "x-forwarded-proto: https\nX-Forwarded-For: 10.0.0.1"+host)
	f("10.0.0.1", "X-Forwarded-Host: b\r\n", "X-Forwarded-Host: b\nX-Forwarded-For: 10.0.0.1"+proto)
	f("10.0.0.1", "X-Forwarded-Proto:\r\nX-Forwarded-Host: \r\n", "X-Forwarded-For: 10.0.0.1"+proto+host)
	// So does what is not extended.
	f("10.0.0.1", "X-Real-IP: 1.2.3.4\r\nX-Forwarded-Port: 443\r\n", "X-Real-IP: 1.2.3.4\nX-Forwarded-Port: 443\nX-Forwarded-For: 10.0.0.1"+proto+host)
	// Spellings with "_" are never a proxy's.
	f("10.0.0.1", "X_Forwarded_For: 6.6.6.6\r\nX-Forwarded_Proto: https\r\nX_Real_IP: 6.6.6.6\r\n", "X-Forwarded-For: 10.0.0.1"+proto+host)
	// Naming them in Connection does not remove them.
	f("10.0.0.1", "Connection: x-forwarded-for, forwarded\r\nX-Forwarded-For: 1.2.3.4\r\n", "X-Forwarded-For: 1.2.3.4, 10.0.0.1"+proto+host)
	// Forwarded only where it was.
	f("10.0.0.1", "Forwarded: for=1.2.3.4\r\n", "X-Forwarded-For: 10.0.0.1"+proto+host+"\nForwarded: for=1.2.3.4, for=10.0.0.1;host=\"a:81\";proto=http")
	f("2001:db8::1", "Forwarded: for=1.2.3.4;by=_x\r\nForwarded: for=\"[::2]:80\"\r\nForwarded:\r\n", "X-Forwarded-For: 2001:db8::1"+proto+host+
		"\nForwarded: for=1.2.3.4;by=_x, for=\"[::2]:80\", for=\"[2001:db8::1]\";host=\"a:81\";proto=http")
	// A quote left open would take ours in: what can't be extended is left out.
	f("10.0.0.1", "Forwarded: for=6.6.6.6, for=\"\r\n", "X-Forwarded-For: 10.0.0.1"+proto+host+"\nForwarded: for=10.0.0.1;host=\"a:81\";proto=http")
	f("10.0.0.1", "Forwarded: for=6.6.6.6\r\nForwarded: for=\"\\\r\nForwarded: for=1.2.3.4\r\n", "X-Forwarded-For: 10.0.0.1"+proto+host+
		"\nForwarded: for=1.2.3.4, for=10.0.0.1;host=\"a:81\";proto=http")
}

func TestARequestWithoutHostIsForwardedWithoutOne(t *testing.T) {
	r := parsed(t, "GET / HTTP/1.0\r\nForwarded: for=a\r\n\r\n")
	o := outgoing()
	o.Trusted = true
	if got := string(AppendRequest(nil, r, o)); strings.Contains(got, "X-Forwarded-Host") || !strings.Contains(got, "Forwarded: for=a, for=127.0.0.1;proto=http\r\n") {
		t.Errorf("%q", got)
	}
}

func TestForwardedElements(t *testing.T) {
	f := func(value string, want ...string) {
		t.Helper()
		var got []string
		ok := true
		for rest := []byte(value); ok && len(rest) > 0; {
			var node []byte
			if node, rest, ok = NextForwarded(rest); ok {
				got = append(got, string(node))
			}
		}
		if !ok {
			got = []string{"malformed"}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") || ok != ValidForwarded([]byte(value)) {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
	// RFC 7239's own examples.
	f(`for="_gazonk"`, "_gazonk")
	f(`For="[2001:db8:cafe::17]:4711"`, "[2001:db8:cafe::17]:4711")
	f(`for=192.0.2.60;proto=http;by=203.0.113.43`, "192.0.2.60")
	f(`for=192.0.2.43, for=198.51.100.17`, "192.0.2.43", "198.51.100.17")
	f(`proto=https;for=unknown,by=_b`, "unknown", "")
	// Seen in the wild.
	f(`for=1.2.3.4:80; proto=https ,for=[::1]`, "1.2.3.4:80", "[::1]")
	f(` , ;for=a;;`, "", "a")
	f(`for="a,for=b;\",c"`, `a,for=b;\",c`)
	// Nothing in it is to be believed.
	for _, bad := range []string{
		`for`, `for=`, `=a`, `for =a`, `for= a`, `for="a`, `for="a\"`, `for="a\`, `for="a"b`, `for=a b`, `for=a;for=b`, `for=a"b"`, `for=(a)`, `a`, "for=\xff", `"`,
	} {
		f(bad, "malformed")
	}
}

// FuzzForwarding: whatever a trusted peer sends, the head is one that parses again, with one
// X-Forwarded-For that ends in the peer, and a Forwarded whose last element is ours.
func FuzzForwarding(f *testing.F) {
	f.Add("1.2.3.4, ::1", "for=1.2.3.4", `for="[::1]";proto=https`, true)
	f.Add(`"`, `for="`, `for=a, for="\"`, false)
	f.Add(",", ",,;", "for=a;for=b", true)
	f.Fuzz(func(t *testing.T, list, first, second string, v6 bool) {
		head := []byte("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + list + "\r\nForwarded: " + first + "\r\nx_forwarded_for: a\r\nForwarded: " + second + "\r\n\r\n")
		var r, again Request
		if end, _, err := HeadEnd(head, 0); err != nil || end != len(head) || r.Parse(head) != nil {
			return
		}
		o := outgoing()
		o.Trusted = true
		ours := "for=127.0.0.1;host=\"a\";proto=http"
		if v6 {
			o.ClientIP, ours = "::1", "for=\"[::1]\";host=\"a\";proto=http"
		}
		out := AppendRequest(nil, &r, o)
		if end, _, err := HeadEnd(out, 0); err != nil || end != len(out) || again.Parse(out) != nil {
			t.Fatalf("%q", out)
		}
		count := map[forwarding]int{}
		for i := range again.Fields {
			fd := &again.Fields[i]
			if fd.Kind != Forwarding {
				continue
			}
			kind, v := again.forwardingOf(fd), out[fd.Value:fd.ValueEnd]
			count[kind]++
			if kind == chainFor && !bytes.HasSuffix(v, []byte(o.ClientIP)) {
				t.Fatalf("%q", out)
			}
			if kind == chainForwarded && (!bytes.HasSuffix(v, []byte(ours)) || !ValidForwarded(v)) {
				t.Fatalf("%q", out)
			}
		}
		if count[chainFor] != 1 || count[chainForwarded] != 1 || count[notToBeKept] != 0 || count[keptProto] != 1 || count[keptHost] != 1 {
			t.Fatalf("%v: %q", count, out)
		}
	})
}
