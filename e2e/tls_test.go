package e2e

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tutti/e2e/harness"
	"tutti/secure/securetest"
)

// newAuthority skips a test that says itself who speaks TLS when all of them do.
func newAuthority(t *testing.T) *securetest.Authority {
	t.Helper()
	harness.PlainOnly(t)
	return securetest.New(t)
}

// tlsFront is a program that serves TLS.
type tlsFront struct {
	*harness.Process
	authority *securetest.Authority
	cert, key string
	client    *tls.Config
}

func startTLS(t *testing.T, args ...string) *tlsFront {
	t.Helper()
	a := newAuthority(t)
	f := &tlsFront{authority: a, client: &tls.Config{ServerName: "tutti.test", RootCAs: a.Roots()}}
	f.cert, f.key = a.Issue("tutti.test").Files()
	f.Process = start(t, append(args, "--tls-cert="+f.cert, "--tls-key="+f.key)...)
	return f
}

func (f *tlsFront) dial(t *testing.T) *harness.Conn {
	t.Helper()
	return harness.DialTLS(t, f.Listen, f.client)
}

// serial is the number of the certificate a connection was shown.
func serial(c *harness.Conn) string {
	return c.Conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestTLSIsServedAndSaidToTheBackend(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.By(map[string]harness.Script{"POST": harness.Says(201, "written")}, harness.Says(200, "read")))
	f := startTLS(t, harness.BackendFlag(backends...))
	f.client.NextProtos = []string{"h2", "http/1.1"}
	c := f.dial(t)
	if s := c.Conn.(*tls.Conn).ConnectionState(); s.NegotiatedProtocol != "http/1.1" || s.Version != tls.VersionTLS13 {
		t.Errorf("agreed on %q, version %x", s.NegotiatedProtocol, s.Version)
	}
	for range 3 {
		if a := c.Do("GET", get("/login")); a.Status != 200 || a.Body != "read" {
			t.Fatalf("got %s%s", a.Raw, a.Body)
		}
		if a := c.Do("POST", post("/register", "x", "X-Forwarded-Proto: gopher")); a.Status != 201 || a.Body != "written" {
			t.Fatalf("got %s%s", a.Raw, a.Body)
		}
	}
	for _, b := range backends {
		for _, call := range b.Calls() {
			if call.Get("X-Forwarded-Proto") != "https" {
				t.Errorf("%s: X-Forwarded-Proto is %q", call.Start, call.Get("X-Forwarded-Proto"))
			}
		}
	}
}

func TestWhatIsNotTLS12OrLaterIsRefused(t *testing.T) {
	t.Parallel()
	f := startTLS(t, harness.BackendFlag(harness.NewBackend(t, harness.Says(200, "ok"))))
	old := f.client.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := harness.TryDialTLS(t, f.Listen, old); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v", err)
	}
	nc, err := net.Dial("tcp", f.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	_ = nc.SetDeadline(time.Now().Add(harness.Limit))
	_, _ = io.WriteString(nc, get("/login"))
	if got, err := io.ReadAll(nc); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
		t.Errorf("plain HTTP: got %q, %v", got, err)
	}
	wantStatus(t, f.dial(t).Do("GET", get("/login")), 200)
}

func TestASlowHandshakeHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	f := startTLS(t, harness.BackendFlag(harness.NewBackend(t, harness.Says(200, "ok"))), "--client-timeout=3s")
	var slow []net.Conn
	for range 50 {
		nc, err := net.Dial("tcp", f.Listen)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = nc.Close() }()
		_, _ = nc.Write([]byte{0x16, 3, 1})
		slow = append(slow, nc)
	}
	begun := time.Now()
	for range 5 {
		wantStatus(t, f.dial(t).Do("GET", get("/login")), 200)
	}
	if took := time.Since(begun); took > harness.Limit {
		t.Errorf("five requests took %v", took)
	}
	for _, nc := range slow {
		_ = nc.SetDeadline(time.Now().Add(harness.Limit))
		if _, err := io.ReadAll(nc); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a handshake may take for ever")
		}
	}
}

func TestACertificateIsSwappedUnderLoadWithoutAFailedRequest(t *testing.T) {
	t.Parallel()
	f := startTLS(t, harness.BackendFlag(harness.NewBackend(t, harness.Says(200, "ok"))))
	kept := f.dial(t)
	first := serial(kept)
	stop := make(chan struct{})
	var requests atomic.Int64
	wait := background(4, func(int) {
		for {
			select {
			case <-stop:
				return
			default:
			}
			c, err := harness.TryDialTLS(t, f.Listen, f.client)
			if err != nil {
				t.Error(err)
				return
			}
			for range 3 {
				err := c.TrySend(get("/login"))
				if err != nil {
					t.Error(err)
					return
				}
				if a, err := c.TryAnswer("GET"); err != nil || a.Status != 200 {
					t.Errorf("got %+v, %v", a, err)
				}
				requests.Add(1)
			}
			c.Close()
		}
	})
	harness.Eventually(t, "the load runs", func() bool { return requests.Load() > 50 || t.Failed() })
	f.authority.Issue("tutti.test").Write(f.cert, f.key)
	harness.Eventually(t, "the new certificate is served", func() bool { return serial(f.dial(t)) != first })
	second := serial(f.dial(t))
	if err := os.WriteFile(f.cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.Signal(syscall.SIGHUP)
	harness.Eventually(t, "it is logged", func() bool { return strings.Contains(f.Stderr(), "the certificate stays as it was") })
	if now := serial(f.dial(t)); now != second {
		t.Error("the broken one is served")
	}
	f.authority.Issue("tutti.test").Write(f.cert, f.key)
	f.Signal(syscall.SIGUSR1)
	harness.Eventually(t, "the third certificate is served", func() bool { return serial(f.dial(t)) != second })
	close(stop)
	wait()
	wantStatus(t, kept.Do("GET", get("/login")), 200)
}

func TestBadTLSFilesAreOneLine(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, key := a.Issue("a.test").Files()
	_, other := a.Issue("b.test").Files()
	b := "--backend=https://127.0.0.1:9"
	port := "--listen=127.0.0.1:" + strconv.Itoa(harness.Ports(t, 1))
	check := func(code int, want string, args ...string) {
		t.Helper()
		for _, how := range []string{"--check", ""} {
			all := append([]string{b, port, "--admin-listen="}, args...)
			if how != "" {
				all = append(all, how)
			}
			r := program.Run(t, nil, all...)
			lines := strings.Split(strings.TrimSpace(r.Stderr), "\n")
			if last := lines[len(lines)-1]; r.Code != code || len(lines) != 1 || !strings.HasPrefix(last, "tutti: "+want) {
				t.Errorf("%v: code %d, %s", all, r.Code, r.Stderr)
			}
		}
	}
	check(2, "--tls-cert="+cert+": its key is missing", "--tls-cert="+cert)
	check(2, "--tls-key="+key+": its certificate is missing", "--tls-key="+key)
	check(1, "--tls-cert, --tls-key: cannot read the certificate's key: open "+key+"x: no such file", "--tls-cert="+cert, "--tls-key="+key+"x")
	check(1, "--tls-cert, --tls-key: cannot use the certificate "+cert, "--tls-cert="+cert, "--tls-key="+other)
	check(1, "--backend-ca: cannot read certificates: open nowhere.pem", "--backend-ca=nowhere.pem")
	check(1, "--backend-ca: cannot read certificates: none in "+key, "--backend-ca="+key)
}

func TestHTTPSBackendsAreVerified(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	script := harness.By(map[string]harness.Script{"POST": harness.Says(201, "written")}, harness.Says(200, "read"))
	for what, tc := range map[string]struct {
		server *tls.Config
		word   string
	}{
		"good":              {ours.Issue("127.0.0.1").Server(), ""},
		"another authority": {theirs.Issue("127.0.0.1").Server(), "tls_certificate_error"},
		"another name":      {ours.Issue("127.0.0.2", "localhost").Server(), "tls_certificate_error"},
		"expired":           {ours.IssueUntil(time.Now().Add(-time.Minute), "127.0.0.1").Server(), "tls_certificate_error"},
		"old": {&tls.Config{
			MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, Certificates: ours.Issue("127.0.0.1").Server().Certificates,
		}, "tls_protocol_error"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := harness.NewTLSBackend(t, tc.server, script)
			p := start(t, harness.BackendFlag(b), "--backend-ca="+ours.For(t).File(), "--ack-timeout=3s")
			a := harness.Once(t, p.Listen, get("/login", "X-Name: x"))
			if tc.word != "" {
				wantProblem(t, a, 502, tc.word, b.Addr, "x509", "authority")
				w := harness.Once(t, p.Listen, post("/register", "x"))
				wantStatus(t, w, 202)
				if !strings.Contains(w.Body, tc.word) {
					t.Errorf("the write's page says %s", w.Body)
				}
				if n := b.Count(); n != 0 {
					t.Errorf("%d requests were sent", n)
				}
				if up := p.Metrics().Must(t, "tutti_backend_requests_total", "backend", b.Addr, "code", "error"); up == 0 {
					t.Error("no failure is counted")
				}
				return
			}
			wantStatus(t, a, 200)
			wantStatus(t, harness.Once(t, p.Listen, post("/register", "x")), 201)
			if got := p.Metrics().Must(t, "target_domain_success_counter_total", "domain", b.Addr); got != 1 {
				t.Errorf("%v writes are counted", got)
			}
		})
	}
}

func TestAWriteIsRetriedOverHTTPSUntilEachHasIt(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	server := a.Issue("127.0.0.1").Server()
	good := harness.NewTLSBackend(t, server, harness.Says(201, "ok"))
	flaky := harness.NewTLSBackend(t, server, harness.InTurn(harness.Says(500, "no"), harness.Closes, harness.Resets, harness.Says(201, "ok")))
	plain := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(good, flaky, plain), "--backend-ca="+a.File(), "--retry-base=10ms", "--retry-jitter=0")
	for range 5 {
		wantStatus(t, harness.Once(t, p.Listen, post("/register", "x")), 201)
	}
	harness.Eventually(t, "all is settled", func() bool { return p.Metrics().Must(t, "tutti_writes_pending") == 0 })
	for _, b := range []*harness.Backend{good, plain} {
		if n := len(b.Whole()); n != 5 {
			t.Errorf("%s got %d writes", b.Addr, n)
		}
	}
	if n := len(flaky.Whole()); n != 8 {
		t.Errorf("the flaky one got %d writes, want 5 and 3 again", n)
	}
}

func TestABackendsConnectionOverTLSIsKeptAndItsEndNoticed(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	b := harness.NewTLSBackend(t, a.Issue("127.0.0.1").Server(), harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b), "--backend-ca="+a.File())
	c := harness.Dial(t, p.Listen)
	for range 5 {
		wantStatus(t, c.Do("PUT", harness.Request("PUT", "/login", "x")), 200)
	}
	if n := b.WaitCall(5).Conn; n != 1 {
		t.Errorf("%d connections", n)
	}
	b.Cut()
	wantStatus(t, c.Do("PUT", harness.Request("PUT", "/login", "x")), 200)
}

func TestATunnelRunsOverTLSOnBothSides(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	b := harness.NewTLSBackend(t, a.Issue("127.0.0.1").Server(), echoes)
	f := startTLS(t, harness.BackendFlag(b), "--backend-ca="+a.File())
	c := f.dial(t)
	c.Send(upgrade("/login") + "first")
	wantStatus(t, c.Answer("GET"), 101)
	if got := c.ReadString(12); got != "hello<first>" {
		t.Errorf("got %q", got)
	}
	big := strings.Repeat("12345", 40000)
	go func() { _ = c.TrySend(big) }()
	if got := c.ReadString(40000 * 7); got != strings.Repeat("<12345>", 40000) {
		t.Error("a large exchange changed")
	}
	c.Send("close")
	c.WantClosed()
	harness.Eventually(t, "the backend's side ends", func() bool { return b.Open() == 0 })
}

func TestBigBodiesPassOverTLSOnBothSides(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	body := strings.Repeat("0123456789abcdef", 1<<16)
	b := harness.NewTLSBackend(t, a.Issue("127.0.0.1").Server(),
		harness.By(map[string]harness.Script{"POST": harness.Says(201, body)}, harness.Says(200, body)))
	f := startTLS(t, harness.BackendFlag(b), "--backend-ca="+a.File())
	c := f.dial(t)
	for _, request := range []string{
		harness.Request("PUT", "/login", body), get("/login"), post("/register", body),
		"PUT /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + body + "\r\n0\r\n\r\n",
	} {
		method, _, _ := strings.Cut(request, " ")
		if a := c.Do(method, request); a.Status/100 != 2 || a.Body != body {
			t.Errorf("%s: got %s and %d bytes", method, a.Raw, len(a.Body))
		}
	}
	for _, call := range b.Calls() {
		if call.Framing != "none" && call.Size() != 1<<20 {
			t.Errorf("%s arrived with %d bytes", call.Start, call.Size())
		}
	}
}

func TestATLSClientThatLeavesIsNoticedAtTheBackend(t *testing.T) {
	t.Parallel()
	for how, leaves := range leave {
		a := newAuthority(t)
		b := harness.NewTLSBackend(t, a.Issue("127.0.0.1").Server(), harness.Hangs)
		f := startTLS(t, harness.BackendFlag(b), "--backend-ca="+a.File())
		c := f.dial(t)
		c.Send(get("/login"))
		b.WaitCall(1)
		leaves(c)
		harness.Eventually(t, how+" reaches the backend", func() bool { return b.Open() == 0 })
	}
}

func TestATLSUploadCutShortIsNoWrite(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	f := startTLS(t, harness.BackendFlag(b))
	for _, request := range []string{
		"POST /register HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345",
		"POST /register HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
	} {
		c := f.dial(t)
		c.Send(request)
		_ = c.Conn.(*tls.Conn).NetConn().Close() // FIN without TLS's own word
	}
	harness.Eventually(t, "both are gone", func() bool { return f.Metrics().Must(t, "tutti_client_connections") == 0 })
	if n := b.Count(); n != 0 {
		t.Errorf("%d writes reached the backend", n)
	}
}

func TestADrainOverTLSCutsNothing(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	b := harness.NewBackend(t, harness.When(gate, harness.Says(200, "read")))
	f := startTLS(t, harness.BackendFlag(b))
	busy, silent := f.dial(t), f.dial(t)
	busy.Send(get("/login"))
	b.WaitCall(1)
	f.Signal(syscall.SIGTERM)
	silent.WantClosed()
	close(gate)
	if a := busy.Answer("GET"); a.Body != "read" || !a.Closes() {
		t.Errorf("got %s%s", a.Raw, a.Body)
	}
	if code := f.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestHealthChecksGoOverTLS(t *testing.T) {
	t.Parallel()
	a, other := newAuthority(t), newAuthority(t)
	good := harness.NewTLSBackend(t, a.Issue("127.0.0.1").Server(), harness.Says(200, "ok"))
	bad := harness.NewTLSBackend(t, other.Issue("127.0.0.1").Server(), harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(good, bad), "--backend-ca="+a.File(), "--health-path=/healthy", "--health-interval=50ms",
		"--health-fall=2", "--health-rise=1")
	harness.Eventually(t, "only one is up", func() bool {
		m := p.Metrics()
		return m.Must(t, "tutti_backend_up", "backend", good.Addr) == 1 && m.Must(t, "tutti_backend_up", "backend", bad.Addr) == 0
	})
	if good.WaitCall(1).Target != "/healthy" || bad.Count() != 0 {
		t.Error("the wrong one was asked")
	}
	for range 4 {
		wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
	}
	if n := strings.Count(p.Stderr(), "cannot agree on TLS"); n != 1 {
		t.Errorf("it is logged %d times", n)
	}
}
