package e2e

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tutti/e2e/harness"
)

func TestALoopIsRefused(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
	via := b.WaitCall(1).Get("Via")
	_, own, _ := strings.Cut(via, " ")
	for _, value := range []string{via, "1.0 fred, " + via, via + ", 1.1 joe", "HTTP/1.1 " + own + " (comment)", "1.1   " + own} {
		for _, request := range []string{get("/login", "Via: "+value), post("/login", "x", "via: "+value), post("/register", "x", "Via: "+value), get("/login", "Via: 1.1 a", "Via: "+value)} {
			wantProblem(t, harness.Once(t, p.Listen, request), 508, "proxy_loop_detected", b.Addr)
		}
	}
	for _, value := range []string{"1.1 tutti-00000000", "1.1 x" + own, "1.1 " + own + "0"} {
		wantStatus(t, harness.Once(t, p.Listen, get("/login", "Via: "+value)), 200)
	}
	if b.Count() != 4 {
		t.Errorf("%d requests reached the backend", b.Count())
	}
}

func TestTwoProxiesBeforeEachOtherEndTheLoop(t *testing.T) {
	harness.PlainOnly(t)
	t.Parallel()
	back := harness.FreeAddr(t)
	front := start(t, "--backend="+back)
	other := program.Spawn(t, nil, "--listen="+back, "--admin-listen=", "--backend="+front.Listen)
	harness.Eventually(t, "it listens", func() bool {
		if other.Ended() {
			t.Fatal(other.Stderr())
		}
		c, err := harness.TryDial(t, back)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	if a := harness.Once(t, front.Listen, get("/login")); a.Status != 508 {
		t.Errorf("got %s%s", a.Raw, a.Body)
	}
}

func TestConnectAndTraceAreNotAllowed(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	for _, request := range []string{
		"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
		"CONNECT /login HTTP/1.1\r\nHost: a\r\n\r\n",
		"TRACE /login HTTP/1.1\r\nHost: a\r\n\r\n",
		"TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\n\r\n",
	} {
		a := harness.Once(t, p.Listen, request)
		wantProblem(t, a, 405, "http_request_denied")
		allow := a.Get("Allow")
		if !strings.Contains(allow, "GET") || !strings.Contains(allow, "POST") || strings.Contains(allow, "CONNECT") || strings.Contains(allow, "TRACE") {
			t.Errorf("Allow: %q", allow)
		}
	}
	if b.Count() != 0 {
		t.Error("one reached the backend")
	}
}

func TestABodyTooLargeForAWriteIs413(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b), "--max-write-size=100KiB")
	const limit = 100 << 10
	fits, over := strings.Repeat("x", limit), strings.Repeat("x", limit+1)
	for _, request := range []string{
		post("/register", fits),
		"POST /register HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(fits) + "0\r\n\r\n",
	} {
		wantStatus(t, harness.Once(t, p.Listen, request), 201)
	}
	for _, request := range []string{
		"POST /register HTTP/1.1\r\nHost: a\r\nContent-Length: 102401\r\n\r\n", // nothing of it has come
		"POST /register HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n",
		post("/register", over),
		"POST /register HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(over), // its end has not come
		"POST /register HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(over) + "0\r\n\r\n",
	} {
		c := harness.Dial(t, p.Listen)
		c.Send(request)
		wantProblem(t, c.Answer("POST"), 413, "http_request_error")
		c.WantClosed()
	}
	if b.Count() != 2 {
		t.Errorf("%d requests reached the backend", b.Count())
	}
	// A streamed request has no such limit.
	wantStatus(t, harness.Once(t, p.Listen, post("/login", over)), 201)
	harness.Eventually(t, "no bytes are held", func() bool { return p.Metrics().Must(t, "tutti_writes_pending_bytes") == 0 })
}

func TestAHeadTooLargeIs431(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b), "--max-header-size=4KiB")
	wantStatus(t, harness.Once(t, p.Listen, get("/login", "X-A: "+strings.Repeat("a", 3900))), 200)
	for _, request := range []string{
		get("/login", "X-A: "+strings.Repeat("a", 4100)),
		"GET /login HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("a", 100000), // without an end
		"GET /" + strings.Repeat("a", 100000) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /login HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 5000) + "\r\n",
		strings.Repeat("G", 100000),
	} {
		c := harness.Dial(t, p.Listen)
		c.Send(request)
		a := c.Answer("GET")
		if a.Status == 414 && strings.HasPrefix(request, "GET /aaa") {
			continue
		}
		wantProblem(t, a, 431, "http_request_error")
		c.WantClosed()
	}
	if b.Count() != 1 {
		t.Errorf("%d requests reached the backend", b.Count())
	}
}

func TestASlowHeadIs408AndAnIdleConnectionIsClosedSilently(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b), "--client-timeout=2s", "--idle-timeout=2s")
	idle, used := harness.Dial(t, p.Listen), harness.Dial(t, p.Listen)
	wantStatus(t, used.Do("GET", get("/login")), 201)
	for _, part := range []string{"G", "GET /login HTTP/1.1\r\nHost: a\r\n"} {
		c := harness.Dial(t, p.Listen)
		c.Send(part)
		wantProblem(t, c.Answer("GET"), 408, "http_request_error")
		c.WantClosed()
	}
	for _, part := range []string{"Content-Length: 10\r\n\r\n12345", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"} {
		c := harness.Dial(t, p.Listen)
		c.Send("POST /register HTTP/1.1\r\nHost: a\r\n" + part)
		wantProblem(t, c.Answer("POST"), 408, "http_request_error")
		c.WantClosed()
	}
	// A partial second head on a used connection.
	second := harness.Dial(t, p.Listen)
	wantStatus(t, second.Do("GET", get("/login")+"GET /log"), 201)
	wantStatus(t, second.Answer("GET"), 408)
	idle.WantClosed()
	used.WantClosed()
	if m := p.Metrics(); m.Must(t, "tutti_writes_accepted_total") != 0 {
		t.Error("half a write was accepted")
	}
}

func TestADrippingHeadIsTimedAsAWholeAndADrippingBodyByItsPauses(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b), "--client-timeout=4s")
	tick := time.NewTicker(600 * time.Millisecond)
	defer tick.Stop()
	head, write, stream := harness.Dial(t, p.Listen), harness.Dial(t, p.Listen), harness.Dial(t, p.Listen)
	head.Send("GET /login HTTP/1.1\r\nX-Drip: ")
	write.Send("POST /register HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
	stream.Send("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
	for range 10 { // 6 s in all
		<-tick.C
		_ = head.TrySend("x") // it may be closed by now
		write.Send("x")
		stream.Send("x")
	}
	wantStatus(t, head.Answer("GET"), 408)
	wantStatus(t, write.Answer("POST"), 201)
	wantStatus(t, stream.Answer("POST"), 201)
}

func TestMaxPendingRefusesBeforeAnythingIsForwarded(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	b := harness.NewBackend(t, harness.By(map[string]harness.Script{"POST": harness.When(gate, harness.Says(201, "ok"))},
		harness.Says(200, "read")))
	p := start(t, harness.BackendFlag(b), "--max-pending=3")
	var held []*harness.Conn
	for i := range 3 {
		c := harness.Dial(t, p.Listen)
		c.Send(register("held"))
		b.WaitCall(i + 1)
		held = append(held, c)
	}
	for range 5 {
		a := harness.Once(t, p.Listen, register("refused"))
		wantProblem(t, a, 503, "proxy_internal_error")
		if a.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200) // reads go on
	close(gate)
	for _, c := range held {
		wantStatus(t, c.Answer("POST"), 201)
	}
	wantStatus(t, harness.Once(t, p.Listen, register("after")), 201)
	for _, call := range b.Calls() {
		if strings.Contains(call.Body(), "refused") {
			t.Error("a refused write was forwarded")
		}
	}
	if m := p.Metrics(); m.Sum("tutti_refused_writes_total") != 5 || m.Must(t, "tutti_writes_accepted_total") != 4 {
		t.Errorf("refused %v, accepted %v", m.Sum("tutti_refused_writes_total"), m["tutti_writes_accepted_total"])
	}
}

func TestMaxPendingBytesCountsWhatIsHeldAndWhatArrives(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	b := harness.NewBackend(t, harness.When(gate, harness.Says(201, "ok")))
	p := start(t, harness.BackendFlag(b), "--max-pending-bytes=1MiB", "--max-write-size=1MiB")
	big := strings.Repeat("x", 600<<10)
	held := harness.Dial(t, p.Listen)
	held.Send(post("/register", big))
	b.WaitCall(1)
	for _, request := range []string{
		"POST /register HTTP/1.1\r\nHost: a\r\nContent-Length: 614400\r\n\r\n",
		"POST /register HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(big) + "0\r\n\r\n",
	} {
		c := harness.Dial(t, p.Listen)
		c.Send(request)
		a := c.Answer("POST")
		wantProblem(t, a, 503, "proxy_internal_error")
	}
	if n := p.Metrics().Must(t, "tutti_writes_pending_bytes"); n < 600<<10 || n > 1<<20 {
		t.Errorf("%v bytes are held", n)
	}
	close(gate)
	wantStatus(t, held.Answer("POST"), 201)
	harness.Eventually(t, "no bytes are held", func() bool { return p.Metrics().Must(t, "tutti_writes_pending_bytes") == 0 })
	wantStatus(t, harness.Once(t, p.Listen, post("/register", big)), 201)
	if b.Count() != 2 {
		t.Errorf("%d requests reached the backend", b.Count())
	}
}

func TestAReadThatFindsNoConnectionIsRefusedAfterQueueTimeout(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	b := harness.NewBackend(t, harness.When(gate, harness.Says(200, "ok")))
	p := start(t, harness.BackendFlag(b), "--max-conns=2", "--queue-timeout=200ms")
	waiting := []*harness.Conn{harness.Dial(t, p.Listen), harness.Dial(t, p.Listen)}
	for i, c := range waiting {
		c.Send(get("/login"))
		b.WaitCall(i + 1)
	}
	began := time.Now()
	a := harness.Once(t, p.Listen, get("/login"))
	wantProblem(t, a, 503, "connection_limit_reached", b.Addr)
	if a.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if waited := time.Since(began); waited < 150*time.Millisecond {
		t.Errorf("refused after %v, not --queue-timeout", waited)
	}
	close(gate)
	for _, c := range waiting {
		wantStatus(t, c.Answer("GET"), 200)
	}
	wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
	if _, conns := b.Received(); conns > 2 {
		t.Errorf("%d connections to the backend", conns)
	}
}

func TestAQueuedReadGetsTheConnectionThatIsFreed(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	b := harness.NewBackend(t, harness.When(gate, harness.Says(200, "ok")))
	p := start(t, harness.BackendFlag(b), "--max-conns=1", "--queue-timeout=1h")
	first := harness.Dial(t, p.Listen)
	first.Send(get("/login"))
	b.WaitCall(1)
	wait := background(10, func(int) {
		if a, err := harness.TryOnce(t, p.Listen, get("/login")); err != nil || a.Status != 200 {
			t.Errorf("got %v %+v", err, a)
		}
	})
	harness.Eventually(t, "all wait", func() bool {
		return p.Metrics().Must(t, "tutti_requests_in_flight", "route", "balance") == 11
	})
	close(gate)
	wait()
	wantStatus(t, first.Answer("GET"), 200)
}

func TestEachFailureOfABackendHasItsWord(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, nil)
	p := start(t, harness.BackendFlag(b), "--backend-timeout=2s", "--eject-after=1000")
	for _, tc := range []struct {
		name   string
		script harness.Script
		status int
		word   string
	}{
		{"closes", harness.Closes, 502, "connection_terminated"},
		{"resets", harness.Resets, 502, "connection_terminated"},
		{"half a head", harness.BytesThenClose("HTTP/1.1 200 OK\r\nX-Se"), 502, "connection_terminated"},
		{"nonsense", harness.BytesThenClose("SSH-2.0-OpenSSH_9.2\r\nsecret-bytes\r\n\r\n"), 502, "http_protocol_error"},
		{"hangs", harness.Hangs, 504, "http_response_timeout"},
		{"hangs in its head", func(c *harness.Call) {
			_ = c.Write("HTTP/1.1 200 OK\r\nX-Slow: ")
			c.WaitGone()
		}, 504, "http_response_timeout"},
	} {
		b.Script(tc.script)
		for _, request := range []string{get("/login"), post("/login", "x")} {
			a := harness.Once(t, p.Listen, request)
			wantProblem(t, a, tc.status, tc.word, b.Addr, "secret", "SSH", "EOF", "reset by peer", "127.0.0.1")
			if t.Failed() {
				t.Fatalf("in the case %q", tc.name)
			}
		}
	}
	b.Stop()
	wantProblem(t, harness.Once(t, p.Listen, get("/login")), 502, "connection_refused", b.Addr, "127.0.0.1")
	wantProblem(t, harness.Once(t, p.Listen, post("/login", "x")), 502, "connection_refused")
}

func TestABackendThatDoesNotAcceptIsATimeout(t *testing.T) {
	t.Parallel()
	addr := deafListener(t)
	p := start(t, "--backend="+addr, "--dial-timeout=300ms")
	wantProblem(t, harness.Once(t, p.Listen, get("/login")), 504, "connection_timeout", addr)
}

// deafListener is an address that neither accepts nor refuses: its backlog is full.
func deafListener(t *testing.T) string {
	t.Helper()
	addr := harness.FreeAddr(t)
	_, portText, _ := strings.Cut(addr, ":")
	portNumber, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: portNumber, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	// Several times in a row: one that fails may be the machine's pause.
	for failed, dials := 0, 0; dials < 10; dials++ {
		c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err == nil {
			failed = 0
			t.Cleanup(func() { _ = c.Close() })
		} else if failed++; failed == 3 {
			return addr
		}
	}
	t.Skip("this kernel accepts beyond the backlog")
	return ""
}

func TestMaxClientsLetsTheOthersWait(t *testing.T) {
	harness.PlainOnly(t)
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b), "--max-clients=2")
	first, second := harness.Dial(t, p.Listen), harness.Dial(t, p.Listen)
	wantStatus(t, first.Do("GET", get("/login")), 200)
	wantStatus(t, second.Do("GET", get("/login")), 200)
	third := harness.Dial(t, p.Listen) // in the kernel's backlog
	third.Send(get("/login?third"))
	for range 20 {
		wantStatus(t, first.Do("GET", get("/login")), 200)
	}
	if slices.ContainsFunc(b.Calls(), func(c *harness.Call) bool { return strings.Contains(c.Target, "third") }) {
		t.Error("a third client was served")
	}
	second.Close()
	wantStatus(t, third.Answer("GET"), 200)
}

func TestMorePathsToTheSameRefusal(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b), "--fanout=/write")
	wantProblem(t, harness.Once(t, p.Listen, post("/other", "x")), 404, "http_request_denied", b.Addr)
	// HEAD gets the head of the refusal alone, and the connection stays in step.
	c := harness.Dial(t, p.Listen)
	a := c.Do("HEAD", harness.Request("HEAD", "/login", "", "Via: 1.1 none"))
	wantStatus(t, a, 200)
	b.Stop()
	a = c.Do("HEAD", harness.Request("HEAD", "/login", ""))
	wantStatus(t, a, 502)
	b.Start()
	wantStatus(t, c.Do("GET", get("/login")), 200)
	wantProblem(t, harness.Once(t, p.Listen, "GET /login HTTP/2.0\r\nHost: a\r\n\r\n"), 505, "http_request_denied")
	wantProblem(t, harness.Once(t, p.Listen, "GET /login HTTP/3.7\r\nHost: a\r\n\r\n"), 505, "http_request_denied")
}
