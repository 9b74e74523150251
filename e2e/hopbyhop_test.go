package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// names are the field names of a head, lower case, sorted.
func names(h *harness.Head) []string {
	var all []string
	for _, f := range h.Fields {
		all = append(all, strings.ToLower(f.Name))
	}
	slices.Sort(all)
	return all
}

func TestHopByHopFieldsOfARequestStayHere(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	fields := []string{
		"Connection: keep-alive, X-Private, x-OTHER , host, content-length, via, idempotency-key",
		"connection: X-Third",
		"X-Private: 1", "X-Other: 2", "x-third: 3",
		"Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eA==",
		"Proxy-Authenticate: Basic", "Upgrade: websocket", "TE: trailers, deflate;q=0.5", "Trailer: X-Sum",
		"X-End-To-End: yes", `Idempotency-Key: "k"`, "Proxy-Status: kept; a=b",
	}
	for i, target := range []string{"/login", "/register"} {
		wantStatus(t, c.Do("POST", post(target, "body", fields...)), 201)
		call := b.WaitCall(i + 1)
		for _, gone := range []string{
			"Connection", "X-Private", "X-Other", "X-Third", "Keep-Alive", "Proxy-Connection",
			"Proxy-Authorization", "Proxy-Authenticate", "Upgrade",
		} {
			// Connection may name the TE that is sent anew.
			if v := call.Values(gone); len(v) > 0 && (gone != "Connection" || !strings.EqualFold(v[0], "te")) {
				t.Errorf("%s: %s: %q reached the backend", target, gone, v)
			}
		}
		for name, want := range map[string]string{
			"TE": "trailers", "X-End-To-End": "yes", "Host": "tutti.test",
			"Trailer": "X-Sum", "Idempotency-Key": `"k"`, "Content-Length": "4",
		} {
			if v := call.Values(name); len(v) != 1 || v[0] != want {
				t.Errorf("%s: %s: %q at the backend, not %q", target, name, v, want)
			}
		}
		if call.Body() != "body" {
			t.Errorf("%s: body %q", target, call.Body())
		}
	}
}

func TestTEIsNotSentWhereItDidNotAskForTrailers(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	wantStatus(t, harness.Once(t, p.Listen, get("/login", "TE: deflate", "Connection: TE")), 200)
	if v := b.WaitCall(1).Values("TE"); len(v) != 0 {
		t.Errorf("TE: %q reached the backend", v)
	}
}

func TestHopByHopFieldsOfAnAnswerStayHere(t *testing.T) {
	t.Parallel()
	fields := []string{
		"Connection: keep-alive, X-Private, Content-Length, Date", "Keep-Alive: timeout=5", "X-Private: 1",
		"Proxy-Connection: keep-alive", "Proxy-Authenticate: Basic", "Upgrade: h2c", "Trailer: X-Sum",
		"X-End: yes", "ETag: \"x\"", "etag-LIKE: y", "Set-Cookie: a=1", "Set-Cookie: b=2",
		"Date: Tue, 15 Nov 1994 08:12:31 GMT", "Server: theirs",
	}
	b := harness.NewBackend(t, harness.By(map[string]harness.Script{"POST": harness.Says(201, "body", fields...)},
		harness.Says(200, "body", fields...)))
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	for method, request := range map[string]string{"GET": get("/login"), "POST": register("x")} {
		a := c.Do(method, request)
		for _, gone := range []string{"Keep-Alive", "X-Private", "Proxy-Connection", "Proxy-Authenticate", "Upgrade"} {
			if a.Has(gone) {
				t.Errorf("%s: %s reached the client:\n%s", method, gone, a.Raw)
			}
		}
		// Names keep their case, values and order stay.
		for _, line := range []string{
			"ETag: \"x\"\r\n", "etag-LIKE: y\r\n", "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n",
			"Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nServer: theirs\r\n", "Content-Length: 4\r\n", "Trailer: X-Sum\r\n", "X-End: yes\r\n",
		} {
			if strings.Count(a.Raw, line) != 1 {
				t.Errorf("%s: no %q in\n%s", method, line, a.Raw)
			}
		}
		if a.Body != "body" || len(a.Values("Date")) != 1 {
			t.Errorf("%s: got %s%s", method, a.Raw, a.Body)
		}
	}
}

func TestNothingIsAddedToAnAnswerButDate(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.By(map[string]harness.Script{
		"POST": harness.Bytes("HTTP/1.1 201 \r\ncontent-length: 2\r\n\r\nok"),
	},
		harness.Bytes("HTTP/1.1 200 Fine by me\r\ncontent-length: 2\r\n\r\nok")))
	p := start(t, harness.BackendFlag(b))
	for method, request := range map[string]string{"GET": get("/login"), "POST": register("x")} {
		a := harness.Dial(t, p.Listen).Do(method, request)
		if got := names(a.Head); !slices.Equal(got, []string{"content-length", "date"}) {
			t.Errorf("%s: fields %q", method, got)
		}
		if !regexp.MustCompile(`^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$`).MatchString(a.Get("Date")) {
			t.Errorf("%s: Date: %q", method, a.Get("Date"))
		}
		if method == "GET" && a.Start != "HTTP/1.1 200 Fine by me" {
			t.Errorf("the reason changed: %q", a.Start)
		}
	}
}

func TestWhatTuttiAddsToARequest(t *testing.T) {
	harness.PlainOnly(t)
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	spoofed := []string{
		"X-Forwarded-For: 6.6.6.6", "X_Forwarded_For: 6.6.6.6", "x-forwarded-host: evil",
		"X-Forwarded-Proto: https", "X-Forwarded-Anything: 6.6.6.6", "Forwarded: for=6.6.6.6",
		"X-Real-IP: 6.6.6.6", "X_Real_IP: 6.6.6.6", "X-Real_IP: 6.6.6.6",
	}
	var via string
	for i, target := range []string{"/login", "/register"} {
		wantStatus(t, c.Do("POST", post(target, "a", spoofed...)), 201)
		call := b.WaitCall(i + 1)
		if strings.Contains(call.Raw, "6.6.6.6") || strings.Contains(call.Raw, "evil") {
			t.Errorf("%s: a peer's forwarding fields passed:\n%s", target, call.Raw)
		}
		for name, want := range map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http",
			"X-Forwarded-Host": "tutti.test", "Host": "tutti.test",
		} {
			if v := call.Values(name); len(v) != 1 || v[0] != want {
				t.Errorf("%s: %s: %q, not %q", target, name, v, want)
			}
		}
		v := call.Values("Via")
		if len(v) != 1 || !regexp.MustCompile(`^1\.1 tutti-[0-9a-f]{8}$`).MatchString(v[0]) || (via != "" && via != v[0]) {
			t.Errorf("%s: Via: %q", target, v)
		}
		via = v[0]
		if id := call.Values("X-Request-Id"); len(id) != 1 || id[0] == "" {
			t.Errorf("%s: X-Request-Id: %q", target, id)
		}
	}
	if a, b := b.Calls()[0].Get("X-Request-Id"), b.Calls()[1].Get("X-Request-Id"); a == b {
		t.Errorf("two requests with one id %q", a)
	}
}

func TestViaIsAppendedToTheClientsOwn(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b))
	for i, request := range []string{get("/login", "Via: 1.0 fred, 1.1 tutti-notus"), post("/register", "x", "Via: 1.0 fred, 1.1 tutti-notus")} {
		wantStatus(t, harness.Once(t, p.Listen, request), 201)
		v := strings.Join(b.WaitCall(i+1).Values("Via"), ", ")
		if !regexp.MustCompile(`^1\.0 fred, 1\.1 tutti-notus, 1\.1 tutti-[0-9a-f]{8}$`).MatchString(v) {
			t.Errorf("Via: %q", v)
		}
	}
}

func TestRequestIDsAreKeptWhereTheyAreHarmless(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	for i, tc := range []struct {
		id   string
		kept bool
	}{
		{"abc-DEF_0.9", true},
		{strings.Repeat("a", 128), true},
		{strings.Repeat("a", 129), false},
		{"", false},
		{"a b", false},
		{"a\"b", false},
		{"<script>", false},
		{"a\xffb", false},
	} {
		wantStatus(t, c.Do("GET", get("/login", "X-Request-Id: "+tc.id)), 200)
		v := b.WaitCall(i + 1).Values("X-Request-Id")
		if len(v) != 1 || v[0] == "" || (v[0] == tc.id) != tc.kept {
			t.Errorf("%q became %q", tc.id, v)
		}
	}
	// Two of them are not one.
	wantStatus(t, c.Do("GET", get("/login", "X-Request-Id: one", "X-Request-Id: two")), 200)
	if v := b.WaitCall(9).Values("X-Request-Id"); len(v) != 1 {
		t.Errorf("two ids became %q", v)
	}
}

func TestAnswersWithoutABodyHaveNone(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, method, answer string
		status               int
		length               string
	}{
		{"HEAD with a length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200, "1000"},
		{"HEAD, chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, ""},
		{"HEAD with neither", "HEAD", "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n", 200, ""},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", 304, ""},
		{"304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n", 304, "77"},
		{"304, chunked", "GET", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, ""},
		{"an empty 200", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "0"},
	}
	b := harness.NewBackend(t, nil)
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	for _, tc := range cases {
		b.Script(harness.InTurn(harness.Bytes(tc.answer), harness.Says(200, "next")))
		_, conns := b.Received()
		a := c.Do(tc.method, harness.Request(tc.method, "/login", ""))
		if a.Status != tc.status || a.Body != "" || a.Get("Content-Length") != tc.length {
			t.Errorf("%s: got %s%s", tc.name, a.Raw, a.Body)
		}
		// The client's connection and the backend's go on, in step.
		if a := c.Do("GET", get("/login")); a.Body != "next" {
			t.Fatalf("%s: the next answer is %s%s", tc.name, a.Raw, a.Body)
		}
		if _, after := b.Received(); after > max(conns, 1) {
			t.Errorf("%s: the backend's connection was not used again", tc.name)
		}
	}
}

func TestBodiesPassInEveryFraming(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, nil)
	p := start(t, harness.BackendFlag(b))
	cases := []struct {
		name   string
		script harness.Script
	}{
		{"length", harness.Says(200, "hello")},
		{"chunked", harness.Bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")},
		{"chunked, upper case", harness.Bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n00005\r\nhello\r\n000\r\n\r\n")},
		{"until it closes", harness.BytesThenClose("HTTP/1.1 200 OK\r\n\r\nhello")},
		{"HTTP/1.0", harness.BytesThenClose("HTTP/1.0 200 OK\r\n\r\nhello")},
		{"HTTP/1.0 with length", harness.BytesThenClose("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")},
		{"Connection: close", harness.BytesThenClose("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")},
	}
	for _, tc := range cases {
		b.Script(tc.script)
		for _, minor := range []string{"1.1", "1.0"} {
			c := harness.Dial(t, p.Listen)
			c.Send("GET /login HTTP/" + minor + "\r\nHost: a\r\n\r\n")
			a := c.Answer("GET")
			if a.Status != 200 || a.Body != "hello" {
				t.Errorf("%s to %s: got %s%s", tc.name, minor, a.Raw, a.Body)
			}
			if minor == "1.0" {
				if a.Framing == "chunked" {
					t.Errorf("%s: chunks went to an HTTP/1.0 client", tc.name)
				}
				c.WantClosed()
			} else if tc.name == "Connection: close" && a.Closes() {
				t.Errorf("%s: the backend's close reached the client", tc.name)
			}
		}
	}
}

func TestTrailersPassBothWays(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Bytes("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: abc\r\n\r\n"))
	p := start(t, harness.BackendFlag(b))
	a := harness.Once(t, p.Listen, "POST /login HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Up\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Up: def\r\n\r\n")
	if a.Body != "ok" || len(a.Trailers) != 1 || a.Trailers[0].Line != "X-Sum: abc" {
		t.Errorf("the client got %s%s %v", a.Raw, a.Body, a.Trailers)
	}
	call := b.WaitCall(1)
	if tr := call.Trailers(); call.Body() != "hi" || len(tr) != 1 || tr[0].Line != "X-Up: def" {
		t.Errorf("the backend got %s%s %v", call.Raw, call.Body(), tr)
	}
}

func TestAnHTTP10ClientIsServedAsOne(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b))
	for _, request := range []string{"GET /login HTTP/1.0\r\n\r\n", "POST /register HTTP/1.0\r\nContent-Length: 1\r\n\r\nx"} {
		c := harness.Dial(t, p.Listen)
		c.Send(request)
		if a := c.Answer("GET"); a.Status != 201 || a.Body != "ok" {
			t.Errorf("got %s%s", a.Raw, a.Body)
		}
		c.WantClosed()
	}
	c := harness.Dial(t, p.Listen)
	for range 3 {
		a := c.Do("GET", "GET /login HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
		if a.Status != 201 || a.Body != "ok" {
			t.Errorf("got %s%s", a.Raw, a.Body)
		}
		if a.Minor == 1 || strings.EqualFold(a.Get("Connection"), "keep-alive") {
			continue
		}
		break // it may close after each: HTTP/1.0 promises nothing
	}
	for _, call := range b.Calls() {
		if call.Proto != "HTTP/1.1" {
			t.Errorf("forwarded as %s", call.Proto)
		}
	}
}

func TestAClientThatAsksForCloseGetsIt(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b))
	for _, request := range []string{get("/login", "Connection: close"), post("/register", "x", "Connection: Close"), get("/login", "Connection: foo, close")} {
		c := harness.Dial(t, p.Listen)
		c.Send(request + get("/login?after"))
		if a := c.Answer("GET"); !a.Closes() {
			t.Errorf("not announced: %s", a.Raw)
		}
		c.WantClosed()
	}
	for _, call := range b.Calls() {
		if strings.Contains(call.Target, "after") {
			t.Error("a request after Connection: close was served")
		}
		if call.Has("Connection") {
			t.Errorf("the client's close reached the backend: %s", call.Raw)
		}
	}
}
