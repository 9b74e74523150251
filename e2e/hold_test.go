package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// change asks for something that has to be done.
func change(t *testing.T, p *harness.Process, b *harness.Backend, action string) harness.Reply {
	t.Helper()
	r := p.Change("POST", "/-/backends/"+b.Addr+"/"+action)
	if r.Status != 200 {
		t.Fatalf("%s answers %d: %s", action, r.Status, r.Body)
	}
	return r
}

func TestAHeldBackendGetsNothingUntilItIsResumedAndThenAllInOrder(t *testing.T) {
	t.Parallel()
	const writes = 20
	backends := harness.Backends(t, 3, harness.By(
		map[string]harness.Script{"POST": harness.Says(201, "w")}, harness.Says(200, "r"),
	))
	p := start(t, harness.BackendFlag(backends...), "--order-by=path")
	held := backends[1]
	if r := change(t, p, held, "hold"); !strings.Contains(r.Body, `"state":"held"`) {
		t.Errorf("hold answers %s", r.Body)
	}
	c := harness.Dial(t, p.Listen)
	for i := range writes {
		wantStatus(t, c.Do("POST", post("/register", string(rune('a'+i)))), 201)
		wantStatus(t, c.Do("GET", get("/login")), 200)
	}
	if n := held.Count(); n != 0 {
		t.Errorf("a held backend got %d requests", n)
	}
	m := p.Metrics()
	if owed := m.Must(t, "tutti_owed_writes", "backend", held.Addr); owed != writes {
		t.Errorf("%v writes are owed", owed)
	}
	if up := m.Must(t, "tutti_backend_up", "backend", held.Addr); up != 0 {
		t.Errorf("tutti_backend_up is %v", up)
	}
	if err := balanced(m); err != nil {
		t.Error(err)
	}
	for _, w := range p.Writes("backend=" + held.Addr) {
		if d := w.Backends[1]; w.State != "pending" || d.State != "waiting" || d.Attempts != 0 {
			t.Errorf("a write that is owed to it: %+v", w)
		}
	}
	if r := p.Get("/-/status"); !strings.Contains(r.Body, `"state":"held"`) {
		t.Errorf("/-/status shows %s", r.Body)
	}
	change(t, p, held, "resume")
	harness.Eventually(t, "everything settles", func() bool {
		return p.Metrics().Must(t, "tutti_writes_settled_total") == writes
	})
	for i, call := range held.Whole() {
		if want := string(rune('a' + i)); call.Body() != want {
			t.Errorf("request %d is %q, not %q", i, call.Body(), want)
		}
	}
	for _, line := range []string{"backend held", "did=hold backend=" + held.Addr, "did=resume backend=" + held.Addr} {
		if !strings.Contains(p.Stderr(), line) {
			t.Errorf("the log lacks %q", line)
		}
	}
}

func TestWithEveryBackendHeldReadsAndWritesAreRefused(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(201, "w"))
	p := start(t, harness.BackendFlag(backends...))
	for _, b := range backends {
		change(t, p, b, "hold")
	}
	for _, request := range []string{get("/login"), register("x")} {
		a := harness.Once(t, p.Listen, request)
		wantProblem(t, a, 503, "destination_unavailable", backends[0].Addr)
		if a.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if r := p.Get("/-/ready"); r.Status != 503 {
		t.Errorf("/-/ready answers %d", r.Status)
	}
	if n := sum(counts(backends)); n != 0 {
		t.Errorf("%d requests were forwarded", n)
	}
	change(t, p, backends[0], "resume")
	wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
}

func TestForgetDropsWhatABackendIsOwedAndSaysHowMuch(t *testing.T) {
	t.Parallel()
	const writes = 30
	backends := harness.Backends(t, 2, harness.Says(201, "w"))
	p := start(t, harness.BackendFlag(backends...))
	held := backends[1]
	change(t, p, held, "hold")
	c := harness.Dial(t, p.Listen)
	for range writes {
		wantStatus(t, c.Do("POST", register("x")), 201)
	}
	var got struct{ Dropped, Sending int }
	if r := change(t, p, held, "forget"); json.Unmarshal([]byte(r.Body), &got) != nil || got.Dropped != writes || got.Sending != 0 {
		t.Errorf("forget answers %s", r.Body)
	}
	m := p.Metrics()
	if settled := m.Must(t, "tutti_writes_settled_total"); settled != writes {
		t.Errorf("%v of %d writes are settled", settled, writes)
	}
	if err := balanced(m); err != nil {
		t.Error(err)
	}
	change(t, p, held, "resume")
	wantStatus(t, c.Do("POST", register("y")), 201)
	if n := held.Count(); n != 1 {
		t.Errorf("it got %d writes", n)
	}
}

// Nothing will be sent to a held backend: a stop does not wait for what it is owed, and says it is lost.
func TestAStopDoesNotWaitForAHeldBackend(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(201, "w"))
	p := start(t, harness.BackendFlag(backends...), "--shutdown-timeout=1h")
	change(t, p, backends[1], "hold")
	wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
	if code := p.Stop(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(p.Stderr(), "write abandoned") || !strings.Contains(p.Stderr(), backends[1].Addr) {
		t.Errorf("the log says:\n%s", p.Stderr())
	}
}

func TestHoldDrainAndForgetSurviveAKill(t *testing.T) {
	t.Parallel()
	const writes = 20
	backends := harness.Backends(t, 3, harness.Says(201, "w"))
	held, drained := backends[1], backends[2]
	args := []string{harness.BackendFlag(backends...), "--journal=" + filepath.Join(t.TempDir(), "journal")}
	p := start(t, args...)
	change(t, p, held, "hold")
	change(t, p, drained, "drain")
	c := harness.Dial(t, p.Listen)
	for range writes {
		wantStatus(t, c.Do("POST", register("x")), 201)
	}
	p.Kill()

	p = start(t, args...)
	for b, state := range map[*harness.Backend]string{held: "held", drained: "drained"} {
		if r := p.Get("/-/status"); !strings.Contains(r.Body, `"name":"`+b.Addr+`","state":"`+state+`"`) {
			t.Errorf("%s is not %s: %s", b.Addr, state, r.Body)
		}
	}
	if owed := p.Metrics().Must(t, "tutti_owed_writes", "backend", held.Addr); owed != writes || held.Count() != 0 {
		t.Errorf("%v writes are owed, it got %d", owed, held.Count())
	}
	change(t, p, held, "resume")
	harness.Eventually(t, "it has all", func() bool {
		return p.Metrics().Must(t, "tutti_owed_writes", "backend", held.Addr) == 0
	})
	if n := held.Count(); n != writes {
		t.Errorf("it got %d of %d", n, writes)
	}

	change(t, p, held, "hold")
	c = harness.Dial(t, p.Listen)
	for range writes {
		wantStatus(t, c.Do("POST", register("forgettable")), 201)
	}
	change(t, p, held, "forget")
	change(t, p, held, "resume")
	p.Kill()

	p = start(t, args...)
	wantStatus(t, harness.Once(t, p.Listen, register("z")), 201)
	harness.Eventually(t, "nothing is pending", func() bool { return p.Metrics().Must(t, "tutti_writes_pending") == 0 })
	for _, call := range held.Whole() {
		if strings.Contains(call.Body(), "forgettable") {
			t.Errorf("it got %q, which was forgotten", call.Body())
		}
	}
	if r := p.Get("/-/status"); strings.Contains(r.Body, `"state":"held"`) {
		t.Errorf("resumed, and held again: %s", r.Body)
	}
}
