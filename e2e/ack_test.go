package e2e

import (
	"strings"
	"testing"

	"tutti/e2e/harness"
)

func TestEachAckPolicyAnswersWhenItIsMet(t *testing.T) {
	t.Parallel()
	cases := []struct {
		ack   string
		hangs []bool
		want  string // the body: whose answer it is
	}{
		{"all", []bool{false, false, false}, "1"},
		{"quorum", []bool{false, false, true}, "1"},
		{"quorum", []bool{true, false, false}, "2"}, // the first in order among those that have delivered
		{"one", []bool{true, true, false}, "3"},
		{"one", []bool{false, true, true}, "1"},
		{"1", []bool{true, false, true}, "2"},
		{"2", []bool{true, false, false}, "2"},
		{"3", []bool{false, false, false}, "1"},
	}
	for _, tc := range cases {
		t.Run(tc.ack, func(t *testing.T) {
			backends := make([]*harness.Backend, 3)
			for i := range backends {
				script := harness.Says(201, string(rune('1'+i)))
				if tc.hangs[i] {
					script = harness.Hangs
				}
				backends[i] = harness.NewBackend(t, script)
			}
			p := start(t, harness.BackendFlag(backends...), "--ack="+tc.ack, "--ack-timeout=1h", "--shutdown-timeout=0s")
			for range 3 {
				a := harness.Once(t, p.Listen, register("x"))
				wantStatus(t, a, 201)
				if a.Body != tc.want {
					t.Errorf("the answer is of backend %q, not %q", a.Body, tc.want)
				}
			}
			for _, b := range backends {
				b.WaitCall(3)
			}
		})
	}
}

func TestUndecidedAtAckTimeoutIsAcceptedAndItsPageTellsTheRest(t *testing.T) {
	t.Parallel()
	good, slow := harness.NewBackend(t, harness.Says(201, "1")), harness.NewBackend(t, harness.Hangs)
	p := start(t, harness.BackendFlag(good, slow), "--ack-timeout=2s", "--backend-timeout=600ms",
		"--retry-base=10ms", "--retry-jitter=0s", "--retry-max-backoff=50ms", "--eject-for=50ms")
	a := harness.Once(t, p.Listen, register("x"))
	wantStatus(t, a, 202)
	id, ok := strings.CutPrefix(a.Get("Location"), "/-/writes/")
	if !ok || len(id) < 16 {
		t.Fatalf("Location is %q", a.Get("Location"))
	}
	w, err := harness.ParseWrite(a.Body)
	if err != nil || len(w.Backends) != 2 || w.Backends[0].State != "delivered" {
		t.Errorf("the 202 says %v %s", err, a.Body)
	}
	page := p.WritePage(id)
	if page.State != "pending" || page.ID != id {
		t.Errorf("the page says %+v", page)
	}
	if strings.Contains(a.Raw+a.Body, slow.Addr) {
		t.Errorf("the 202 tells an address: %s", a.Body)
	}
	slow.Script(harness.Says(201, "2"))
	harness.Eventually(t, "the write settles", func() bool { return p.WritePage(id).State == "settled" })
	for i, d := range p.WritePage(id).Backends {
		if d.State != "delivered" || d.Backend != float64(i+1) {
			t.Errorf("settled with %+v", d)
		}
	}
}

func TestAWriteWaitsForABackendThatIsDownAndAnswersWhenItReturns(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(backends...), "--retry-base=10ms", "--retry-jitter=0s", "--retry-max-backoff=50ms")
	backends[1].Stop()
	c := harness.Dial(t, p.Listen)
	c.Send(register("x"))
	harness.Eventually(t, "some attempts fail", func() bool {
		return p.Metrics().Must(t, "target_domain_failed_counter_total", "domain", backends[1].Addr) >= 3
	})
	backends[1].Start()
	wantStatus(t, c.Answer("POST"), 201)
}

func TestWhileABackendIsDownOnlyTheHeadOfItsQueueIsTried(t *testing.T) {
	t.Parallel()
	const writes = 60
	backends := harness.Backends(t, 2, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(backends...), "--ack=one", "--retry-base=20ms", "--retry-jitter=0s",
		"--retry-max-backoff=40ms", "--eject-after=1")
	backends[1].Stop()
	c := harness.Dial(t, p.Listen)
	for range writes {
		wantStatus(t, c.Do("POST", register("x")), 201)
	}
	failed := func() float64 {
		return p.Metrics().Must(t, "target_domain_failed_counter_total", "domain", backends[1].Addr)
	}
	harness.Eventually(t, "the head is tried again", func() bool { return failed() >= 5 })
	if owed := p.Metrics().Must(t, "tutti_owed_writes", "backend", backends[1].Addr); owed != writes {
		t.Errorf("%v writes are owed, not %d", owed, writes)
	}
	tried := 0
	for _, w := range p.Writes("state=pending&limit=1000") {
		for _, d := range w.Backends {
			if d.Backend == backends[1].Addr && d.Attempts > 1 {
				tried++
			}
		}
	}
	if tried != 1 {
		t.Errorf("%d of %d owed writes were tried more than once", tried, writes)
	}
	backends[1].Start()
	harness.Eventually(t, "everything owed arrives", func() bool { return backends[1].Count() == writes })
	harness.Eventually(t, "everything settles", func() bool {
		return p.Metrics().Must(t, "tutti_writes_settled_total") == writes
	})
}

func TestARejectionByAllIsAnsweredAsItCame(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 3, harness.Says(409, "taken", "X-Why: taken"))
	p := start(t, harness.BackendFlag(backends...))
	a := harness.Once(t, p.Listen, register("x"))
	if a.Status != 409 || a.Body != "taken" || a.Get("X-Why") != "taken" {
		t.Errorf("got %s%s", a.Raw, a.Body)
	}
	for _, b := range backends {
		if b.Count() != 1 {
			t.Errorf("a rejected write was sent %d times", b.Count())
		}
	}
	m := p.Metrics()
	if m.Must(t, "tutti_writes_settled_total") != 1 || m.Sum("tutti_rejected_deliveries_total") != 3 {
		t.Errorf("settled %v, rejected %v", m["tutti_writes_settled_total"], m.Sum("tutti_rejected_deliveries_total"))
	}
}

func TestAnEarlyAnswerToALargeWriteIsHeard(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 5<<20)
	for _, status := range []int{413, 201} {
		early := func(c *harness.Call) { // without reading the body
			_ = c.Write(harness.Plain(status, "early", "Connection: close"))
			c.Close()
		}
		b := harness.NewBackend(t, early)
		p := start(t, harness.BackendFlag(b), "--retry-base=1ms")
		a := harness.Once(t, p.Listen, post("/register", large))
		if a.Status != status || a.Body != "early" {
			t.Errorf("got %s%s", a.Raw, a.Body)
		}
	}
}

func TestStatusesThatAreNotARejectionAreRetried(t *testing.T) {
	t.Parallel()
	done := harness.Says(201, "done")
	cases := []struct {
		name  string
		first [2]int
		flags []string
	}{
		{"not unanimous", [2]int{409, 500}, nil},
		{"unanimous, but another 4xx", [2]int{409, 404}, nil},
		{"a request to try later", [2]int{429, 429}, nil},
		{"a timeout", [2]int{408, 408}, nil},
		{"too early", [2]int{425, 425}, nil},
		{"unanimous, but none reject", [2]int{409, 409}, []string{"--reject-status=none"}},
		{"2xx that is not success", [2]int{200, 204}, nil},
		{"3xx", [2]int{302, 301}, nil},
		{"5xx", [2]int{500, 500}, []string{"--reject-status=400-499"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			first := func(status int) harness.Script {
				if status == 204 {
					return harness.Bytes("HTTP/1.1 204 No Content\r\n\r\n")
				}
				return harness.Says(status, "no")
			}
			a := harness.NewBackend(t, harness.InTurn(first(tc.first[0]), done))
			b := harness.NewBackend(t, harness.InTurn(first(tc.first[1]), done))
			p := start(t, append(tc.flags, harness.BackendFlag(a, b), "--retry-base=1ms", "--retry-jitter=0s")...)
			got := harness.Once(t, p.Listen, register("x"))
			if got.Status != 201 || got.Body != "done" || a.Count() != 2 || b.Count() != 2 {
				t.Errorf("got %s%s after %d and %d attempts", got.Raw, got.Body, a.Count(), b.Count())
			}
		})
	}
}

func TestARejectStatusEndsADeliveryAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	no, yes := harness.NewBackend(t, harness.Says(404, "no")), harness.NewBackend(t, harness.Says(201, "yes"))
	for ack, want := range map[string]int{"all": 502, "one": 201} {
		p := start(t, harness.BackendFlag(no, yes), "--reject-status=400-499", "--ack="+ack)
		before := no.Count()
		a := harness.Once(t, p.Listen, register("x"))
		wantStatus(t, a, want)
		if want == 502 {
			wantProblem(t, a, 502, "destination_unavailable", no.Addr)
		}
		harness.Eventually(t, "it settles", func() bool { return p.Metrics().Must(t, "tutti_writes_settled_total") == 1 })
		if n := no.Count() - before; n != 1 {
			t.Errorf("a rejecting backend was asked %d times", n)
		}
	}
}

func TestSuccessStatusSaysWhatCounts(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Bytes("HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"))
	p := start(t, harness.BackendFlag(b), "--success-status=201,204-205")
	c := harness.Dial(t, p.Listen)
	for range 2 {
		if a := c.Do("POST", register("x")); a.Status != 204 || a.Get("X-A") != "b" || a.Body != "" {
			t.Errorf("got %s%s", a.Raw, a.Body)
		}
	}
	if b.Count() != 2 {
		t.Errorf("%d attempts at two writes", b.Count())
	}
}

func TestAnUnexpected2xxIsWarnedOf(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.InTurn(harness.Says(200, "hm"), harness.Says(201, "done")))
	p := start(t, harness.BackendFlag(b), "--retry-base=1ms", "--retry-jitter=0s")
	wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
	harness.Eventually(t, "the log names the flag", func() bool {
		return strings.Contains(p.Stderr(), "success-status")
	})
}

func TestAHungBackendDoesNotHinderReads(t *testing.T) {
	t.Parallel()
	hung := harness.By(map[string]harness.Script{"POST": harness.Hangs}, harness.Says(200, "read"))
	fine := harness.By(map[string]harness.Script{"POST": harness.Says(201, "ok")}, harness.Says(200, "read"))
	a, b := harness.NewBackend(t, hung), harness.NewBackend(t, fine)
	p := start(t, harness.BackendFlag(a, b), "--ack=one", "--max-conns=8", "--queue-timeout=1h", "--shutdown-timeout=0s")
	c := harness.Dial(t, p.Listen)
	for range 50 {
		// Writes may hold at most half of the hung backend's connections.
		wantStatus(t, c.Do("POST", register("x")), 201)
		wantStatus(t, c.Do("GET", get("/login")), 200)
		wantStatus(t, c.Do("GET", get("/login")), 200)
	}
	if n := a.Open(); n > 8 {
		t.Errorf("%d connections to the hung backend", n)
	}
}
