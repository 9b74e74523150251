package admin

import (
	"strings"
	"testing"
)

const token = "correct-horse-battery"

type kind int

const (
	open    kind = iota // anybody who got the Host right
	change              // needs what changes need
	profile             // needs what profiles need
)

// endpoints is everything there is.
var endpoints = []struct {
	method, target string
	kind           kind
	status         int // for who may
}{
	{"GET", "/", open, 200},
	{"HEAD", "/", open, 200},
	{"GET", "/-/healthy", open, 200},
	{"GET", "/-/ready", open, 200},
	{"GET", "/-/status", open, 200},
	{"GET", "/-/writes", open, 200},
	{"GET", "/-/writes?state=parked&limit=1", open, 200},
	{"GET", "/-/writes/" + id(1), open, 200},
	{"GET", "/metrics", open, 200},
	{"HEAD", "/metrics", open, 200},
	{"GET", "/nginx_status", open, 200},
	{"POST", "/-/writes/" + id(1) + "/retry", change, 200},
	{"DELETE", "/-/writes/" + id(1), change, 200},
	{"DELETE", "/-/writes/" + id(99), change, 204}, // done, and forgotten since
	{"POST", "/-/backends/a:1/drain", change, 200},
	{"POST", "/-/backends/a:1/hold", change, 200},
	{"POST", "/-/backends/a:1/resume", change, 200},
	{"POST", "/-/backends/a:1/forget", change, 200},
	{"POST", "/-/backends/b:1/hold", change, 404},
	{"POST", "/-/backends/b:1/forget", change, 404},
	{"POST", "/-/backends/%5B::1%5D%3A2/drain", change, 200},
	{"POST", "/-/backends/[::1]:2/drain", change, 200},
	{"POST", "/-/backends/b:1/drain", change, 404},
	{"POST", "/-/backends/%zz/drain", change, 404},
	{"GET", "/debug/pprof", profile, 200},
	{"GET", "/debug/pprof/", profile, 200},
	{"GET", "/debug/pprof/goroutine", profile, 200},
	{"GET", "/debug/pprof/goroutine?debug=2", profile, 200},
	{"GET", "/debug/pprof/heap?gc=1", profile, 200},
	{"GET", "/debug/pprof/cmdline", profile, 200},
}

// as is somebody who asks.
type as struct {
	name   string
	fields string // separated by |

	open, change, profile int // status, 0: the endpoint's own
}

func (a as) want(k kind) int { return []int{a.open, a.change, a.profile}[k] }

func TestWhoMayDoWhat(t *testing.T) {
	f := func(name string, in setup, who ...as) {
		s := start(t, in)
		for _, a := range who {
			t.Run(name+"/"+a.name, func(t *testing.T) {
				of := *s
				of.t = t
				asks(t, &of, a)
			})
		}
	}
	f("on loopback without a token", setup{hosts: []string{"Admin.example"}},
		as{"curl with the header", "Tutti-Admin: 1", 0, 0, 0},
		as{"curl without", "", 0, 403, 0},
		as{"another value of it", "Tutti-Admin: yes", 0, 403, 0},
		as{"the header twice", "Tutti-Admin: 1|Tutti-Admin: 1", 0, 403, 0},
		as{"the page itself", "Host: localhost:8081|Origin: http://localhost:8081|Sec-Fetch-Site: same-origin|Tutti-Admin: 1", 0, 0, 0},
		as{"the page behind TLS", "Host: admin.example|Origin: https://admin.example|Tutti-Admin: 1", 0, 0, 0},
		as{"a listed name in capitals", "Host: ADMIN.EXAMPLE:1|Tutti-Admin: 1", 0, 0, 0},
		as{"an address typed in", "Host: 127.0.0.1:8081|Sec-Fetch-Site: none|Tutti-Admin: 1", 0, 0, 0},
		as{"an IPv6 literal", "Host: [::1]:8081|Tutti-Admin: 1", 0, 0, 0},
		as{"a re-bound name", "Host: evil.example:8081|Tutti-Admin: 1", 403, 403, 403},
		as{"a re-bound name as its own origin", "Host: evil.example|Origin: http://evil.example|Tutti-Admin: 1", 403, 403, 403},
		as{"a name that begins as a listed one", "Host: localhost.evil.example|Tutti-Admin: 1", 403, 403, 403},
		as{"an address in another notation", "Host: 2130706433|Tutti-Admin: 1", 403, 403, 403},
		as{"no Host at all", "Host:|Tutti-Admin: 1", 400, 400, 400},
		as{"another origin", "Origin: http://evil.example|Tutti-Admin: 1", 0, 403, 403},
		as{"another port's origin", "Host: localhost:8081|Origin: http://localhost:3000|Tutti-Admin: 1", 0, 403, 403},
		as{"an opaque origin", "Origin: null|Tutti-Admin: 1", 0, 403, 403},
		as{"an empty origin", "Origin:|Tutti-Admin: 1", 0, 403, 403},
		as{"two origins", "Host: a:1|Host: localhost|Origin: http://localhost|Tutti-Admin: 1", 400, 400, 400},
		as{"an origin twice", "Host: localhost|Origin: http://localhost|Origin: http://localhost|Tutti-Admin: 1", 0, 403, 403},
		as{"another site", "Sec-Fetch-Site: cross-site|Tutti-Admin: 1", 0, 403, 403},
		as{"another port of this site", "Sec-Fetch-Site: same-site|Tutti-Admin: 1", 0, 403, 403},
	)
	mine := "Tutti-Admin: 1|Authorization: Bearer " + token
	withToken := []as{
		{"with it", mine, 0, 0, 0},
		{"scheme in capitals", "Tutti-Admin: 1|Authorization: BEARER " + token, 0, 0, 0},
		{"without it", "Tutti-Admin: 1", 0, 401, 401},
		{"a wrong one", "Tutti-Admin: 1|Authorization: Bearer wrong", 0, 401, 401},
		{"its beginning", "Tutti-Admin: 1|Authorization: Bearer " + token[:8], 0, 401, 401},
		{"more than it", "Tutti-Admin: 1|Authorization: Bearer " + token + "x", 0, 401, 401},
		{"another scheme", "Tutti-Admin: 1|Authorization: Basic " + token, 0, 401, 401},
		{"it alone", "Tutti-Admin: 1|Authorization: " + token, 0, 401, 401},
		{"it twice", mine + "|Authorization: Bearer " + token, 0, 401, 401},
		{"an empty one", "Tutti-Admin: 1|Authorization: Bearer ", 0, 401, 401},
		{"it without the header", "Authorization: Bearer " + token, 0, 403, 0},
		{"it from another origin", mine + "|Origin: http://evil.example", 0, 403, 403},
		{"it on a re-bound name", mine + "|Host: evil.example", 403, 403, 403},
	}
	f("on loopback with a token", setup{token: token}, withToken...)
	f("off loopback with a token", setup{token: token, offLoopback: true}, withToken...)
	f("off loopback without a token", setup{offLoopback: true},
		as{"curl", "Tutti-Admin: 1", 0, 403, 403},
		as{"any token", mine, 0, 403, 403},
		as{"an empty token", "Tutti-Admin: 1|Authorization: Bearer ", 0, 403, 403},
	)
}

// asks tries every endpoint, and looks that what was refused was not done.
func asks(t *testing.T, f *fixture, a as) {
	var fields []string
	if a.fields != "" {
		fields = strings.Split(a.fields, "|")
	}
	for _, e := range endpoints {
		before := f.done()
		got := f.do(e.method, e.target, fields...)
		want := a.want(e.kind)
		if want == 0 {
			want = e.status
		}
		if got.StatusCode != want {
			t.Errorf("%s %s: %d, want %d: %s", e.method, e.target, got.StatusCode, want, got.text)
		}
		if did := f.done() != before; did != (e.kind == change && want < 300) {
			t.Errorf("%s %s answers %d; done: %v", e.method, e.target, got.StatusCode, did)
		}
		checkAnswer(t, e.method, got)
	}
}

// done counts every change.
func (f *fixture) done() int {
	n := f.writes.changes()
	for _, b := range f.backends {
		b.mu.Lock()
		n += b.changes
		b.mu.Unlock()
	}
	return n
}

// checkAnswer wants what every answer has.
func checkAnswer(t *testing.T, method string, a answered) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control":               "no-store",
		"X-Content-Type-Options":      "nosniff",
		"Server":                      "",
		"Access-Control-Allow-Origin": "",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if !strings.HasPrefix(a.Header.Get("Content-Security-Policy"), "default-src 'none';") {
		t.Errorf("Content-Security-Policy is %q", a.Header.Get("Content-Security-Policy"))
	}
	if a.StatusCode >= 400 {
		if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%d comes as %q", a.StatusCode, got)
		}
		if method != "HEAD" && !strings.HasPrefix(a.text, `{"type":"about:blank","title":"`) {
			t.Errorf("no problem: %s", a.text)
		}
	}
	if a.StatusCode == 401 && a.Header.Get("WWW-Authenticate") != `Bearer realm="tutti"` {
		t.Errorf("WWW-Authenticate is %q", a.Header.Get("WWW-Authenticate"))
	}
	if method == "HEAD" && a.text != "" {
		t.Errorf("HEAD has a body: %q", a.text)
	}
}

func TestHostsAreReadStrictly(t *testing.T) {
	f := func(field, host string, ip, ok bool) {
		t.Helper()
		gotHost, gotIP, gotOK := splitHost(field)
		if gotOK != ok || (ok && (gotHost != host || gotIP != ip)) {
			t.Errorf("%q: %q, %v, %v", field, gotHost, gotIP, gotOK)
		}
	}
	f("localhost", "localhost", false, true)
	f("LocalHost:8081", "localhost", false, true)
	f("localhost.:8081", "localhost", false, true)
	f("127.0.0.1", "127.0.0.1", true, true)
	f("127.0.0.1:80", "127.0.0.1", true, true)
	f("[::1]", "::1", true, true)
	f("[::1]:80", "::1", true, true)
	f("[fe80::1%eth0]:80", "fe80::1%eth0", true, true)
	f("localhost:", "localhost", false, true) // RFC 3986: an empty port is none
	// no hosts
	f("", "", false, false)
	f(":80", "", false, false)
	f("::1", "", false, false)
	f("::1:80", "", false, false)
	f("[::1", "", false, false)
	f("[::1]x", "", false, false)
	f("[127.0.0.1]", "", false, false)
	f("[localhost]:80", "", false, false)
	f("localhost:80:80", "", false, false)
	f("localhost:x", "", false, false)
	f("localhost:123456", "", false, false)
	f("localhost:80@evil.example", "", false, false)
	// hosts, but no addresses as netip knows them
	f("127.1", "127.1", false, true)
	f("0x7f.0.0.1", "0x7f.0.0.1", false, true)
	f("127.0.0.1.", "127.0.0.1", false, true)
	f("user@localhost", "user@localhost", false, true)
}
