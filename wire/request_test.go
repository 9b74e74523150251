package wire

import (
	"fmt"
	"strings"
	"testing"
)

func parsed(t *testing.T, head string) *Request {
	t.Helper()
	r := new(Request)
	if err := r.Parse([]byte(head)); err != nil {
		t.Fatalf("%q: %v", head, err)
	}
	return r
}

func TestTargetsBecomePathAndHost(t *testing.T) {
	f := func(line, path, host string) {
		t.Helper()
		r := parsed(t, line+"\r\nHost: field.example:1\r\n\r\n")
		if string(r.Path) != path || string(r.Host) != host || !strings.Contains(line, " "+string(r.Target)+" ") {
			t.Errorf("%s: %q %q %q", line, r.Path, r.Host, r.Target)
		}
	}
	f("GET / HTTP/1.1", "/", "field.example:1")
	f("GET //x/../%2f?a?b HTTP/1.1", "//x/../%2f?a?b", "field.example:1")
	f("GET http://a.example/x HTTP/1.1", "/x", "a.example")
	f("GET hTTp://a.example:80/?x HTTP/1.1", "/?x", "a.example:80")
	f("GET https://[::1]:80 HTTP/1.1", "/", "[::1]:80")
	f("GET http://a.example?x/y HTTP/1.1", "/?x/y", "a.example")
	f("GET http://a.example//b.example/ HTTP/1.1", "//b.example/", "a.example")
	f("GET http://a.example/@b HTTP/1.1", "/@b", "a.example") // no user information
	f("OPTIONS * HTTP/1.1", "*", "field.example:1")
	f("OPTIONS http://a.example HTTP/1.1", "*", "a.example")
	f("OPTIONS http://a.example/ HTTP/1.1", "/", "a.example")
	f("OPTIONS http://a.example?x HTTP/1.1", "/?x", "a.example")
	f("CONNECT a.example:443 HTTP/1.1", "a.example:443", "field.example:1")
}

func TestAuthoritiesAreAHostAndPerhapsAPort(t *testing.T) {
	for _, good := range []string{
		"a", "a.example", "A-b_c~1", "127.0.0.1:8080", "a:", "a:0", "a:65535", "[::]", "[::1]:", "[2001:db8::1]:80", "[::ffff:1.2.3.4]",
		"a%20b", "!$&'()*+;=", "xn--bcher-kva.example",
	} {
		if !validAuthority([]byte(good)) {
			t.Errorf("%q refused", good)
		}
	}
	for _, evil := range []string{
		"", ":", ":80", "a:65536", "a:000080", "a:-1", "a:8 0", "a b", "a\tb", "a,b", "a@b", "a:b@c", "a/b", "a?b", "a#b", "a\\b",
		"a%", "a%2", "a%2g", "a\"b", "a<b", "a\x00", "a\x80", "[", "[]", "[:]", "[::1", "::1", "[::1]80", "[g::]", "[fe80::1%25lo]", "[[::1]]", "[::1]]",
		"a:80:81",
	} {
		if validAuthority([]byte(evil)) {
			t.Errorf("%q accepted", evil)
		}
	}
}

func TestKeepAliveFollowsVersionAndConnection(t *testing.T) {
	f := func(minor int, fields string, want bool) {
		t.Helper()
		r := parsed(t, fmt.Sprintf("GET / HTTP/1.%d\r\nHost: a\r\n%s\r\n", minor, fields))
		if r.KeepAlive != want {
			t.Errorf("1.%d %q: %v", minor, fields, r.KeepAlive)
		}
		p := new(Response)
		if err := p.Parse(fmt.Appendf(nil, "HTTP/1.%d 200 OK\r\n%s\r\n", minor, fields)); err != nil || p.KeepAlive != want {
			t.Errorf("answer 1.%d %q: %v %v", minor, fields, p.KeepAlive, err)
		}
	}
	f(1, "", true)
	f(1, "Connection: keep-alive\r\n", true)
	f(1, "Connection: x, CLOSE\r\n", false)
	f(1, "Connection: keep-alive\r\nConnection: close\r\n", false)
	f(1, "Connection: closed, \"close\"\r\n", true)
	f(0, "", false)
	f(0, "Connection: Keep-Alive\r\n", true)
	f(0, "Connection: keep-alive, close\r\n", false)
	f(0, "Keep-Alive: 5\r\n", false)
}

func TestExpectIsOnlyKnownIn11(t *testing.T) {
	f := func(minor int, fields string, want bool) {
		t.Helper()
		if r := parsed(t, fmt.Sprintf("PUT / HTTP/1.%d\r\nHost: a\r\n%s\r\n", minor, fields)); r.Expect != want {
			t.Errorf("1.%d %q: %v", minor, fields, r.Expect)
		}
	}
	f(1, "Expect: 100-continue\r\n", true)
	f(1, "expect: x, 100-CONTINUE\r\n", true)
	f(1, "Connection: expect\r\nExpect: 100-continue\r\n", true)
	f(1, "Expect: 100\r\n", false)
	f(0, "Expect: 100-continue\r\n", false)
}

func TestOneUpgradeIsAskedForOrNone(t *testing.T) {
	f := func(fields, want string) {
		t.Helper()
		if r := parsed(t, "GET / HTTP/1.1\r\nHost: a\r\n"+fields+"\r\n"); string(r.Upgrade) != want {
			t.Errorf("%q: %q", fields, r.Upgrade)
		}
	}
	f("Connection: Upgrade\r\nUpgrade: websocket\r\n", "websocket")
	f("Connection: x\r\nConnection: y, upgrade\r\nUpgrade: a/1, b/2\r\n", "a/1, b/2")
	f("Upgrade: websocket\r\n", "")
	f("Connection: Upgrade\r\n", "")
	f("Connection: Upgrade\r\nUpgrade:\r\n", "")
	f("Connection: Upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n", "")
	// What speaks HTTP in the tunnel would speak past every rule.
	for _, p := range []string{"h2c", "H2C", "h2", "websocket, h2c", "HTTP/2.0", "http/1.1", "TLS/1.2"} {
		f("Connection: Upgrade\r\nUpgrade: "+p+"\r\n", "")
	}
}

func TestALoopIsSeenInAnyVia(t *testing.T) {
	const me = "tutti-0123abcd"
	f := func(via string, want bool) {
		t.Helper()
		if parsed(t, "GET / HTTP/1.1\r\nHost: a\r\n"+via+"\r\n").Loops(me) != want {
			t.Errorf("%q: %v", via, !want)
		}
	}
	f("Via: 1.1 tutti-0123abcd\r\n", true)
	f("via: 1.0 fred, 1.1 tutti-0123abcd (x), 1.1 z\r\n", true)
	f("Via: 1.0 fred\r\nVia: HTTP/1.1 \t tutti-0123abcd\r\n", true)
	f("Connection: via\r\nVia: 1.1 tutti-0123abcd\r\n", true)
	f("", false)
	f("Via: 1.1 tutti-0123abce\r\n", false)
	f("Via: 1.1 tutti-0123abcde, 1.1 xtutti-0123abcd\r\n", false)
	f("Via: tutti-0123abcd\r\n", false)
	f("X: 1.1 tutti-0123abcd\r\n", false)
}

func TestLookupAndValueGiveTheFirst(t *testing.T) {
	r := parsed(t, "GET / HTTP/1.1\r\nHost: a\r\nX-A:  1 \r\nx-a: 2\r\nRetry-After:\r\n\r\n")
	if v, ok := r.Lookup("x-a"); !ok || string(v) != "1" {
		t.Errorf("%q %v", v, ok)
	}
	if v, ok := r.Lookup("x-b"); ok || v != nil {
		t.Errorf("%q %v", v, ok)
	}
	if v := r.Value(RetryAfter); v == nil || len(v) != 0 {
		t.Errorf("%q", v)
	}
	if v := r.Value(Via); v != nil {
		t.Errorf("%q", v)
	}
}

func TestParseForgetsTheRequestBefore(t *testing.T) {
	r := parsed(t, "PUT http://b.example?x HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade\r\nUpgrade: x\r\n"+
		"TE: trailers\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n\r\n")
	if err := r.Parse([]byte("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: c\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if r.Chunked || r.Expect || r.Trailers || r.Upgrade != nil || !r.KeepAlive || r.HasBody() || r.Has(TE) ||
		r.ContentLength != -1 || string(r.Path) != "/" || string(r.Host) != "a" || len(r.Fields) != 2 || r.KeptRequestID() == nil {
		t.Fatalf("%+v", r)
	}
}

func TestTheMethodIsKnownAfterAnError(t *testing.T) {
	// Or HEAD would be answered with a body, which reads as the next answer.
	var r Request
	if err := r.Parse([]byte("HEAD / HTTP/1.1\r\n\r\n")); err == nil || string(r.Method) != "HEAD" || r.KeepAlive {
		t.Fatalf("%v %q", err, r.Method)
	}
}

func TestAHeadThatIsNotWholeIsRefused(t *testing.T) {
	// Parse does not trust its caller with the bounds.
	var r Request
	var p Response
	for n := range len(browserRequest) {
		if err := r.Parse([]byte(browserRequest[:n])); err == nil {
			t.Fatalf("%q accepted", browserRequest[:n])
		}
	}
	for n := range len(smallResponse) {
		if err := p.Parse([]byte(smallResponse[:n])); err == nil {
			t.Fatalf("%q accepted", smallResponse[:n])
		}
	}
	if err := r.Parse([]byte(smallRequest + "X")); err == nil {
		t.Fatal("bytes after the head accepted")
	}
	if err := p.Parse([]byte(smallResponse + "X")); err == nil {
		t.Fatal("bytes after the head accepted")
	}
}

func TestManyNominationsCostLittle(t *testing.T) {
	names := make([]string, maxNominations)
	for i := range names {
		names[i] = fmt.Sprintf("x-%d", i)
	}
	r := parsed(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: "+strings.Join(names, ", ")+"\r\nX-63: a\r\nX-64: b\r\n\r\n")
	if !r.Fields[2].HopByHop || r.Fields[3].HopByHop {
		t.Fatalf("%+v", r.Fields)
	}
}
