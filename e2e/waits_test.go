package e2e

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tutti/e2e/harness"
)

func TestWaitsFollowTheFormulaAndThenTheDeliveryIsParked(t *testing.T) {
	t.Parallel()
	const attempts, base, limit, jitter = 7, 20 * time.Millisecond, 160 * time.Millisecond, 10 * time.Millisecond
	bad := harness.NewBackend(t, harness.Says(500, "never"))
	good := harness.Backends(t, 2, harness.Says(201, "done"))
	p := start(t, harness.BackendFlag(bad, good[0], good[1]), "--retry-attempts=7",
		"--retry-base=20ms", "--retry-max-backoff=160ms", "--retry-jitter=10ms")
	a := harness.Once(t, p.Listen, register("x"))
	wantProblem(t, a, 502, "destination_unavailable", bad.Addr, good[0].Addr, "never")

	calls := bad.Calls()
	if len(calls) != attempts {
		t.Fatalf("%d attempts, not %d", len(calls), attempts)
	}
	var jitters []time.Duration
	for n := range attempts - 1 {
		least := min(base<<n, limit)
		got := calls[n+1].At.Sub(calls[n].Answered())
		if got < least {
			t.Errorf("wait %d was %v, less than %v", n, got, least)
		}
		if got > least+jitter+harness.Limit/4 {
			t.Errorf("wait %d was %v, far more than %v", n, got, least+jitter)
		}
		jitters = append(jitters, got-least)
	}
	t.Logf("over the formula without jitter (0 to %v and the machine's own): %v", jitter, jitters)
	wantParked(t, p, a, bad.Addr, attempts)
	harness.During(t, 2*limit, func() error {
		if n := bad.Count(); n != attempts {
			t.Fatalf("%d attempts after it was parked", n-attempts)
		}
		return nil
	})
}

// wantParked checks everything that shows one parked write on a bad first of three backends.
func wantParked(t *testing.T, p *harness.Process, a *harness.Answer, bad string, attempts int) {
	t.Helper()
	var problem harness.Write
	if err := json.Unmarshal([]byte(a.Body), &problem); err != nil || problem.ID == "" || len(problem.Backends) != 3 {
		t.Fatalf("the 502 does not tell the write's id and backends: %v, %s", err, a.Body)
	}
	page := p.WritePage(problem.ID)
	if page.State != "parked" || page.ID != problem.ID || page.Durable == nil || *page.Durable {
		t.Errorf("the page says %+v", page)
	}
	if _, err := time.Parse(time.RFC3339, page.Accepted); err != nil {
		t.Errorf("accepted: %v", err)
	}
	for i, want := range []string{"parked", "delivered", "delivered"} {
		d := page.Backends[i]
		if d.State != want || d.Backend != float64(i+1) {
			t.Errorf("backend %d is %+v on the page, not %s", i+1, d, want)
		}
	}
	if d := page.Backends[0]; d.Attempts != attempts || d.Status != 500 {
		t.Errorf("the parked delivery is %+v", d)
	}
	list := p.Writes("state=parked")
	if len(list) != 1 || list[0].ID != problem.ID || list[0].Method != "POST" || list[0].Path != "/register" {
		t.Errorf("/-/writes?state=parked lists %+v", list)
	} else if list[0].Backends[0].Backend != bad {
		t.Errorf("the admin list names the backend %v", list[0].Backends[0].Backend)
	}
	if got := p.Writes("state=pending"); len(got) != 0 {
		t.Errorf("/-/writes?state=pending lists %+v", got)
	}
	wantParkedMetrics(t, p.Metrics(), bad, float64(attempts))
}

func wantParkedMetrics(t *testing.T, m harness.Metrics, bad string, attempts float64) {
	t.Helper()
	ofBad, domain := `{backend="`+bad+`"}`, `{domain="`+bad+`"}`
	for series, want := range map[string]float64{
		"tutti_writes_accepted_total":                                    1,
		"tutti_writes_settled_total":                                     0,
		"tutti_writes_pending":                                           0,
		"tutti_writes_parked":                                            1,
		"tutti_parked_writes" + ofBad:                                    1,
		"tutti_owed_writes" + ofBad:                                      0,
		"tutti_retries_total" + ofBad:                                    attempts - 1,
		"tutti_rejected_deliveries_total" + ofBad:                        0,
		"tutti_backend_up" + ofBad:                                       1,
		"tutti_backend_ejections_total" + ofBad:                          0,
		"tutti_backend_duration_seconds_count" + ofBad:                   attempts,
		`tutti_backend_requests_total{backend="` + bad + `",code="500"}`: attempts,
		"target_domain_failed_counter_total" + domain:                    attempts,
		"target_domain_success_counter_total" + domain:                   0,
		"Total_domains_failed_counter_total":                             attempts,
		"Total_domains_success_counter_total":                            2,
		`tutti_requests_total{code="502",route="fanout"}`:                1,
		`tutti_requests_in_flight{route="fanout"}`:                       0,
		`tutti_request_duration_seconds_count{route="fanout"}`:           1,
	} {
		if got, ok := m[series]; !ok {
			t.Errorf("/metrics has no %s", series)
		} else if got != want {
			t.Errorf("%s is %v, not %v", series, got, want)
		}
	}
}

func TestAParkedWriteIsRetriedOrDroppedByAnOperator(t *testing.T) {
	t.Parallel()
	bad, good := harness.NewBackend(t, harness.Says(500, "no")), harness.NewBackend(t, harness.Says(201, "done"))
	p := start(t, harness.BackendFlag(good, bad), "--retry-attempts=2", "--retry-base=1ms", "--retry-jitter=0s")
	park := func() string {
		a := harness.Once(t, p.Listen, register("x"))
		wantStatus(t, a, 502)
		var w harness.Write
		if err := json.Unmarshal([]byte(a.Body), &w); err != nil {
			t.Fatal(err)
		}
		return w.ID
	}
	retried, dropped := park(), park()

	bad.Script(harness.Says(201, "at last"))
	if r := p.Change("POST", "/-/writes/"+retried+"/retry"); r.Status/100 != 2 {
		t.Fatalf("retry answers %d: %s", r.Status, r.Body)
	}
	harness.Eventually(t, "the retried write settles", func() bool { return p.WritePage(retried).State == "settled" })
	if d := p.WritePage(retried).Backends[1]; d.State != "delivered" {
		t.Errorf("the retried delivery is %+v", d)
	}
	if n := bad.Count(); n != 5 {
		t.Errorf("%d attempts in all, not 2 + 2 + 1", n)
	}

	if r := p.Change("DELETE", "/-/writes/"+dropped); r.Status/100 != 2 {
		t.Fatalf("drop answers %d: %s", r.Status, r.Body)
	}
	if w := p.WritePage(dropped); w.State != "settled" || w.Backends[1].State != "dropped" {
		t.Errorf("the dropped write is %+v", w)
	}
	m := p.Metrics()
	for name, want := range map[string]float64{
		"tutti_writes_accepted_total": 2, "tutti_writes_settled_total": 2,
		"tutti_writes_pending": 0, "tutti_writes_parked": 0,
	} {
		if got := m.Must(t, name); got != want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
	for _, id := range []string{"00000000000000000000000000000000", "nonsense"} {
		if r := p.Change("POST", "/-/writes/"+id+"/retry"); r.Status != 404 {
			t.Errorf("retry of an unknown write answers %d", r.Status)
		}
		if r := p.Change("DELETE", "/-/writes/"+id); r.Status != 404 {
			t.Errorf("drop of an unknown write answers %d", r.Status)
		}
		if a := harness.Once(t, p.Listen, get("/-/writes/"+id)); a.Status != 404 {
			t.Errorf("the page of an unknown write answers %d", a.Status)
		}
	}
	if n := bad.Count(); n != 5 {
		t.Errorf("a dropped write was sent")
	}
}

func TestAWriteParkedBecauseNobodyListenedIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(201, "done"))
	p := start(t, harness.BackendFlag(backends...), "--retry-attempts=2", "--retry-base=5ms",
		"--retry-jitter=0s", "--retry-max-backoff=20ms", "--eject-for=50ms")
	backends[1].Stop()
	a := harness.Once(t, p.Listen, register("x"))
	wantProblem(t, a, 502, "destination_unavailable")
	if n := p.Metrics().Must(t, "tutti_writes_parked"); n != 1 {
		t.Fatalf("%v writes are parked", n)
	}
	backends[1].Start()
	// The proxy learns of the return from what it sends there.
	harness.Eventually(t, "it is delivered after all", func() bool {
		harness.Once(t, p.Listen, get("/login"))
		return p.Metrics().Must(t, "tutti_writes_settled_total") == 1
	})
}

func TestRetryAfterReplacesAShorterWaitUpToTheCap(t *testing.T) {
	t.Parallel()
	busy := harness.Says(503, "busy", "Retry-After: 3600")
	b := harness.NewBackend(t, harness.InTurn(busy, harness.Says(201, "done")))
	p := start(t, harness.BackendFlag(b), "--retry-base=1ms", "--retry-jitter=0s", "--retry-max-backoff=400ms")
	wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
	calls := b.Calls()
	if got := calls[1].At.Sub(calls[0].Answered()); got < 400*time.Millisecond {
		t.Errorf("waited %v after Retry-After, less than the cap of 400ms", got)
	}
}

func TestEveryAttemptCarriesTheSameKeyAndSequence(t *testing.T) {
	t.Parallel()
	no := harness.Says(500, "no")
	backends := []*harness.Backend{
		harness.NewBackend(t, harness.InTurn(no, no, harness.Says(201, "a"))),
		harness.NewBackend(t, harness.Says(201, "b")),
	}
	p := start(t, harness.BackendFlag(backends...), "--retry-base=1ms", "--retry-jitter=0s")
	c := harness.Dial(t, p.Listen)
	wantStatus(t, c.Do("POST", register("x")), 201)
	wantStatus(t, c.Do("POST", post("/register", "y", `Idempotency-Key: "mine"`, "Tutti-Sequence: 99999")), 201)
	calls := append(backends[0].Calls(), backends[1].Calls()...)
	keys, sequences := map[string][]string{}, map[string]map[string]bool{}
	for _, call := range calls {
		key, seq := call.Values("Idempotency-Key"), call.Values("Tutti-Sequence")
		if len(key) != 1 || len(seq) != 1 {
			t.Fatalf("a delivery carries %q and %q", key, seq)
		}
		keys[call.Body()] = append(keys[call.Body()], key[0])
		if sequences[call.Body()] == nil {
			sequences[call.Body()] = map[string]bool{}
		}
		sequences[call.Body()][seq[0]] = true
	}
	var numbers []int
	for body, key := range keys {
		for _, k := range key {
			if k != key[0] || !strings.HasPrefix(k, `"`) || !strings.HasSuffix(k, `"`) {
				t.Errorf("write %s was sent with keys %q", body, key)
			}
		}
		if len(sequences[body]) != 1 {
			t.Errorf("write %s was sent with sequences %v", body, sequences[body])
		}
	}
	if keys["y"][0] != `"mine"` {
		t.Errorf("the client's key became %q", keys["y"][0])
	}
	for _, body := range []string{"username=x&password=example", "y"} {
		for s := range sequences[body] {
			n, err := strconv.Atoi(s)
			if err != nil {
				t.Errorf("Tutti-Sequence is %q", s)
			}
			numbers = append(numbers, n)
		}
	}
	if len(numbers) != 2 || numbers[1] <= numbers[0] || slices.Contains(numbers, 99999) {
		t.Errorf("sequences do not grow, or are the client's: %v", numbers)
	}
}
