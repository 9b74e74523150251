package e2e

import (
	"strings"
	"sync/atomic"
	"testing"

	"tutti/e2e/harness"
)

func TestReadsAreSharedExactly(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 3, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(backends...))
	readMany(t, p.Listen, 9000, nil)
	for _, b := range backends {
		if b.Count() != 3000 {
			t.Errorf("a backend got %d of 9000 reads over three", b.Count())
		}
	}
}

// readMany sends n reads over 18 kept-alive connections; each must be answered 200. halfway, if
// not nil, runs once while they go on.
func readMany(t *testing.T, addr string, n int64, halfway func()) {
	t.Helper()
	var sent, answered atomic.Int64
	wait := background(18, func(int) {
		c, err := harness.TryDial(t, addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for sent.Add(1) <= n {
			if err := c.TrySend(get("/login")); err != nil {
				t.Error(err)
				return
			}
			a, err := c.TryAnswer("GET")
			if err != nil || a.Status != 200 || a.Body != "ok" {
				t.Errorf("a client got %v, %+v", err, a)
				return
			}
			answered.Add(1)
		}
	})
	if halfway != nil {
		harness.Eventually(t, "half of the reads", func() bool { return sent.Load() > n/2 || t.Failed() })
		halfway()
	}
	wait()
	if answered.Load() != n {
		t.Errorf("%d of %d reads were answered", answered.Load(), n)
	}
}

func TestOneBackendKilledCostsNoClientAnError(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 3, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(backends...))
	readMany(t, p.Listen, 9000, backends[2].Stop)
	a, b := backends[0].Count(), backends[1].Count()
	if a-b > 1 || b-a > 1 {
		t.Errorf("the two that live got %d and %d", a, b)
	}
	up, _ := p.Metrics().Value("tutti_backend_up", "backend", backends[2].Addr)
	if up != 0 {
		t.Error("the killed backend counts as up")
	}
}

func TestAReturningBackendTakesItsShareAgain(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 3, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(backends...), "--eject-for=100ms")
	backends[1].Stop()
	c := harness.Dial(t, p.Listen)
	for range 20 {
		wantStatus(t, c.Do("GET", get("/login")), 200)
	}
	backends[1].Start()
	harness.Eventually(t, "reads at the returned backend", func() bool {
		wantStatus(t, c.Do("GET", get("/login")), 200)
		return backends[1].Count() > 0
	})
	harness.Eventually(t, "it is up", func() bool {
		return p.Metrics().Must(t, "tutti_backend_up", "backend", backends[1].Addr) == 1
	})
	harness.Eventually(t, "it takes its whole share", func() bool {
		before := backends[1].Count()
		for range 30 {
			wantStatus(t, c.Do("GET", get("/login")), 200)
		}
		return backends[1].Count()-before == 10
	})
	before := counts(backends)
	for range 300 {
		wantStatus(t, c.Do("GET", get("/login")), 200)
	}
	for i, n := range counts(backends) {
		if n-before[i] != 100 {
			t.Errorf("backend %d got %d of 300 reads", i+1, n-before[i])
		}
	}
}

func counts(backends []*harness.Backend) []int {
	n := make([]int, len(backends))
	for i, b := range backends {
		n[i] = b.Count()
	}
	return n
}

func TestASafeRequestIsTriedOnTheNextBackendAndAnUnsafeOneIsNot(t *testing.T) {
	t.Parallel()
	// A high limit keeps the faulty one in the reads for the whole test.
	for name, fault := range map[string]harness.Script{
		"resets":            harness.Resets,
		"closes":            harness.Closes,
		"half a head":       harness.BytesThenClose("HTTP/1.1 200 OK\r\nContent-Le"),
		"garbage":           harness.BytesThenClose("220 smtp.example ready\r\n\r\n"),
		"length and chunks": harness.BytesThenClose("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			bad, good := harness.NewBackend(t, fault), harness.NewBackend(t, harness.Says(200, "good"))
			p := start(t, harness.BackendFlag(bad, good), "--eject-after=1000000")
			for range 10 {
				wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
			}
			// Whether a second try takes a turn of its own is not promised: 5 to 10.
			if n := bad.Count(); n < 5 || n > 10 || good.Count() != 10 {
				t.Errorf("10 reads: %d at the bad one, %d at the good one", n, good.Count())
			}
			before := bad.Count() + good.Count()
			for range 10 {
				a := harness.Once(t, p.Listen, post("/login", "x=1"))
				if a.Status != 200 {
					wantStatus(t, a, 502)
				}
			}
			if n := bad.Count() + good.Count() - before; n != 10 {
				t.Errorf("10 unsafe requests were sent %d times", n)
			}
		})
	}
}

func TestAnUnsafeRequestGoesToTheNextBackendIfNothingOfItWasSent(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(backends...), "--eject-after=1000000")
	backends[0].Stop() // refused: nothing can have been sent
	for range 6 {
		wantStatus(t, harness.Once(t, p.Listen, post("/login", "x")), 200)
		wantStatus(t, harness.Once(t, p.Listen, post("/login", strings.Repeat("x", 100_000))), 200)
	}
	if n := backends[1].Count(); n != 12 {
		t.Errorf("12 requests were sent %d times", n)
	}
}

func TestASafeRequestIsTriedAgainWithItsBody(t *testing.T) {
	t.Parallel()
	bad, good := harness.NewBackend(t, harness.Resets), harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(bad, good), "--eject-after=1000000")
	for range 4 {
		wantStatus(t, harness.Once(t, p.Listen, harness.Request("GET", "/login", "query")), 200)
	}
	for _, call := range append(bad.Calls(), good.Calls()...) {
		if call.Body() != "query" {
			t.Errorf("sent with the body %q", call.Body())
		}
	}
	if bad.Count() == 0 || good.Count() != 4 {
		t.Errorf("%d at the bad one, %d at the good one", bad.Count(), good.Count())
	}
}

func TestReadTriesBoundsHowManyBackendsAreAsked(t *testing.T) {
	t.Parallel()
	for _, tries := range []string{"1", "2"} {
		backends := harness.Backends(t, 3, harness.Resets)
		p := start(t, harness.BackendFlag(backends...), "--read-tries="+tries)
		a := harness.Once(t, p.Listen, get("/login"))
		wantProblem(t, a, 502, "connection_terminated", backends[0].Addr, backends[1].Addr, backends[2].Addr)
		asked := 0
		for _, b := range backends {
			if b.Count() > 1 {
				t.Errorf("one read was sent to one backend %d times", b.Count())
			}
			asked += b.Count()
		}
		if got := string(rune('0' + asked)); got != tries {
			t.Errorf("--read-tries=%s asked %d backends", tries, asked)
		}
	}
}

func TestAFailingBackendIsTakenOutAndAStatusNeverIsAFailure(t *testing.T) {
	t.Parallel()
	bad, angry := harness.NewBackend(t, harness.Resets), harness.NewBackend(t, harness.Says(500, "angry"))
	p := start(t, harness.BackendFlag(bad, angry), "--eject-after=3", "--eject-for=1m")
	for range 30 {
		a := harness.Once(t, p.Listen, get("/login"))
		if a.Status != 500 || a.Body != "angry" {
			t.Fatalf("a status did not pass as it came: %s", a.Raw)
		}
	}
	if bad.Count() != 3 {
		t.Errorf("a failing backend was asked %d times, not --eject-after=3", bad.Count())
	}
	m := p.Metrics()
	if up := m.Must(t, "tutti_backend_up", "backend", bad.Addr); up != 0 {
		t.Error("the failing backend counts as up")
	}
	if up := m.Must(t, "tutti_backend_up", "backend", angry.Addr); up != 1 {
		t.Error("a backend that answers 500 counts as down")
	}
	if n := m.Must(t, "tutti_backend_ejections_total", "backend", bad.Addr); n != 1 {
		t.Errorf("%v ejections", n)
	}
}

func TestWithEveryBackendEjectedReadsAreStillTried(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(backends...), "--eject-for=1m")
	for _, b := range backends {
		b.Stop()
	}
	for range 12 {
		wantProblem(t, harness.Once(t, p.Listen, get("/login")), 502, "connection_refused", "127.0.0.1:")
	}
	if r := p.Get("/-/ready"); r.Status != 503 {
		t.Errorf("/-/ready answers %d with no live backend", r.Status)
	}
	backends[0].Start()
	ok := 0
	for range 4 {
		if harness.Once(t, p.Listen, get("/login")).Status == 200 {
			ok++
		}
	}
	if ok != 4 {
		t.Errorf("%d of 4 reads succeed with one ejected backend back (tries reach both)", ok)
	}
}

func TestStaleConnectionsCostTheClientNothing(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.BytesThenClose(harness.Plain(200, "ok")))
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	gone := func() bool { return b.Open() == 0 }
	for range 40 {
		wantStatus(t, c.Do("GET", get("/login")), 200)
		harness.Eventually(t, "the backend has closed", gone)
		// Sent only on a connection just seen open.
		wantStatus(t, c.Do("POST", post("/login", "a=1")), 200)
		harness.Eventually(t, "the backend has closed", gone)
	}
	if b.Count() != 80 {
		t.Errorf("80 requests were sent %d times", b.Count())
	}
}

func TestARestartedBackendCostsTheClientNothing(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	// Fill the pool with several connections, all stale after the restart.
	gate := make(chan struct{})
	b.Script(harness.When(gate, harness.Says(200, "ok")))
	wait := background(8, func(int) {
		if a, err := harness.TryOnce(t, p.Listen, get("/login")); err != nil || a.Status != 200 {
			t.Errorf("got %v %+v", err, a)
		}
	})
	b.WaitCall(8)
	close(gate)
	wait()
	b.Stop()
	b.Start()
	for range 10 {
		wantStatus(t, harness.Once(t, p.Listen, post("/login", "x")), 200)
		wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
	}
}

func TestAConnectionClosedUnderARequestIsRetriedForAReadAndForAWrite(t *testing.T) {
	t.Parallel()
	// The keep-alive race: the second request on a connection finds it closed.
	second := func(status int) harness.Script {
		return func(c *harness.Call) {
			calls := 0
			for _, other := range c.Backend().Calls() {
				if other.Conn == c.Conn {
					calls++
				}
			}
			if calls > 1 {
				harness.Resets(c)
				return
			}
			harness.Says(status, "fresh")(c)
		}
	}
	b := harness.NewBackend(t, second(200))
	p := start(t, harness.BackendFlag(b), "--retry-base=1ms", "--retry-jitter=0s")
	c := harness.Dial(t, p.Listen)
	for range 10 {
		if a := c.Do("GET", get("/login")); a.Status != 200 || a.Body != "fresh" {
			t.Fatalf("a read got %s", a.Raw)
		}
	}
	b.Script(second(201))
	for range 10 {
		if a := c.Do("POST", register("x")); a.Status != 201 || a.Body != "fresh" {
			t.Fatalf("a write got %s", a.Raw)
		}
	}
}

func TestSafeMethodsOnAFanOutRouteAreReads(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 3, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(backends...))
	c := harness.Dial(t, p.Listen)
	for range 3 {
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			wantStatus(t, c.Do(method, harness.Request(method, "/anything", "")), 200)
		}
	}
	for _, b := range backends {
		if b.Count() != 3 {
			t.Errorf("a backend got %d of 9", b.Count())
		}
	}
}

func TestRoutesAreChosenByTheResolvedPathAndForwardedRaw(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 3, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(backends...), "--balance=/one,/under/,POST /fan/exact",
		"--fanout=/fan/,GET /purge")
	c := harness.Dial(t, p.Listen)
	cases := []struct {
		method, target string
		backends       int // 0: 404
	}{
		{"POST", "/one", 1},
		{"POST", "/%6fne", 1},            // decoded once
		{"POST", "//one", 1},             // slashes merged
		{"POST", "/x/../one", 1},         // dot segments resolved
		{"POST", "/x/%2e%2e/one?q=/", 1}, // encoded ones, too
		{"POST", "/one/", 0},             // that path alone
		{"POST", "/%256fne", 0},          // decoded once, not twice
		{"POST", "/under/a/b", 1},
		{"POST", "/fan/a", 3},
		{"POST", "/fan/exact", 1}, // the longer path wins
		{"PUT", "/fan/exact", 3},  // another method
		{"POST", "/fan/../one", 1},
		{"GET", "/fan/a", 1}, // safe
		{"GET", "/purge", 3}, // safe, but named
		{"GET", "/purge?all=1", 3},
		{"POST", "/purge", 0},
		{"GET", "/nowhere", 1},
		{"DELETE", "/nowhere", 0},
	}
	for _, tc := range cases {
		before := sum(counts(backends))
		a := c.Do(tc.method, harness.Request(tc.method, tc.target, "", "Content-Length: 0"))
		if tc.backends == 0 {
			wantProblem(t, a, 404, "http_request_denied")
		}
		if got := sum(counts(backends)) - before; got != tc.backends {
			t.Errorf("%s %s went to %d backends, not %d", tc.method, tc.target, got, tc.backends)
		}
	}
	for _, b := range backends {
		for _, call := range b.Calls() {
			if strings.HasPrefix(call.Target, "/%6f") || strings.Contains(call.Target, "%2e") {
				return
			}
		}
	}
	t.Error("no target arrived as it was sent")
}

func sum(ns []int) int {
	total := 0
	for _, n := range ns {
		total += n
	}
	return total
}
