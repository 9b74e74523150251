package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

func TestADrainedBackendGetsWritesAndNoReads(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 3, harness.By(
		map[string]harness.Script{"POST": harness.Says(201, "w")}, harness.Says(200, "r"),
	))
	p := start(t, harness.BackendFlag(backends...))
	drained := backends[1]
	if r := p.Change("POST", "/-/backends/"+drained.Addr+"/drain"); r.Status/100 != 2 {
		t.Fatalf("drain answers %d: %s", r.Status, r.Body)
	}
	c := harness.Dial(t, p.Listen)
	for range 30 {
		wantStatus(t, c.Do("GET", get("/login")), 200)
	}
	if got := counts(backends); got[0] != 15 || got[1] != 0 || got[2] != 15 {
		t.Errorf("30 reads were shared as %v", got)
	}
	wantStatus(t, c.Do("POST", register("x")), 201)
	if drained.Count() != 1 {
		t.Error("a drained backend did not get a write")
	}
	if r := p.Change("POST", "/-/backends/"+drained.Addr+"/resume"); r.Status/100 != 2 {
		t.Fatalf("resume answers %d: %s", r.Status, r.Body)
	}
	for range 30 {
		wantStatus(t, c.Do("GET", get("/login")), 200)
	}
	if n := drained.Count(); n != 11 {
		t.Errorf("resumed, it got %d of 30 reads", n-1)
	}
}

func TestWithEveryBackendDrainedReadsAreRefusedAndWritesGoOn(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(201, "w"))
	p := start(t, harness.BackendFlag(backends...))
	for _, b := range backends {
		p.Change("POST", "/-/backends/"+b.Addr+"/drain")
	}
	a := harness.Once(t, p.Listen, get("/login"))
	wantProblem(t, a, 503, "destination_unavailable", backends[0].Addr)
	if a.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
	if n := sum(counts(backends)); n != 2 {
		t.Errorf("%d requests arrived, not the one write twice", n)
	}
}

func TestTheAdminListenerRefusesWhatItShould(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b), "--admin-hosts=tutti.internal")
	drain := "/-/backends/" + b.Addr + "/drain"
	cases := []struct {
		name         string
		method, path string
		fields       []string
		ok           bool
	}{
		{"another host, reading", "GET", "/-/status", []string{"Host: evil.example"}, false},
		{"another host, metrics", "GET", "/metrics", []string{"Host: evil.example"}, false},
		{"a host that begins well", "GET", "/-/status", []string{"Host: localhost.evil.example"}, false},
		{"a host that begins as an address", "GET", "/-/status", []string{"Host: 127.0.0.1.evil.example"}, false},
		{"localhost", "GET", "/-/status", []string{"Host: localhost:1234"}, true},
		{"LOCALHOST", "GET", "/-/status", []string{"Host: LOCALHOST"}, true},
		{"IPv6 literal", "GET", "/-/status", []string{"Host: [::1]:1234"}, true},
		{"a name that was allowed", "GET", "/-/status", []string{"Host: tutti.internal:8081"}, true},
		{"without Tutti-Admin", "POST", drain, nil, false},
		{"with another Tutti-Admin", "POST", drain, []string{"Tutti-Admin: 0"}, false},
		{"another origin", "POST", drain, []string{"Tutti-Admin: 1", "Origin: http://evil.example"}, false},
		{"another port's origin", "POST", drain, []string{"Tutti-Admin: 1", "Origin: http://127.0.0.1:1"}, false},
		{"null origin", "POST", drain, []string{"Tutti-Admin: 1", "Origin: null"}, false},
		{"another host, changing", "POST", drain, []string{"Tutti-Admin: 1", "Host: evil.example"}, false},
		{"GET for a change", "GET", drain, []string{"Tutti-Admin: 1"}, false},
		{"unknown backend", "POST", "/-/backends/127.0.0.1:1/drain", []string{"Tutti-Admin: 1"}, false},
		{"unknown action", "POST", "/-/backends/" + b.Addr + "/explode", []string{"Tutti-Admin: 1"}, false},
		{"unknown page", "GET", "/-/nope", nil, false},
	}
	for _, tc := range cases {
		r := p.Do(tc.method, tc.path, tc.fields...)
		if tc.ok && r.Status != http.StatusOK || !tc.ok && (r.Status < 400 || r.Status >= 500) {
			t.Errorf("%s: answers %d: %s", tc.name, r.Status, r.Body)
		}
	}
	// Nothing of that drained it.
	wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
	r := p.Do("POST", drain, "Tutti-Admin: 1", "Origin: http://"+p.Admin)
	if r.Status/100 != 2 {
		t.Errorf("the same origin: answers %d", r.Status)
	}
	wantStatus(t, harness.Once(t, p.Listen, get("/login")), 503)
}

func TestTheStatusPageIsJSONAndShowsTheBackends(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(backends...))
	r := p.Get("/-/status")
	var object map[string]any
	if err := json.Unmarshal([]byte(r.Body), &object); err != nil || r.Status != 200 {
		t.Fatalf("%d %v: %s", r.Status, err, r.Body)
	}
	for _, b := range backends {
		if !strings.Contains(r.Body, b.Addr) {
			t.Errorf("/-/status does not show %s", b.Addr)
		}
	}
}

func TestListsShowMethodAndPathAndNeverHeaderOrBody(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(500, "no"))
	p := start(t, harness.BackendFlag(b), "--retry-attempts=1")
	a := harness.Once(t, p.Listen, post("/register?token=q-secret", "password=b-secret", "Authorization: Bearer h-secret"))
	wantStatus(t, a, 502)
	all := a.Body + p.Get("/-/writes?state=parked").Body + p.Get("/-/status").Body + p.Get("/metrics").Body + p.Stderr()
	for _, secret := range []string{"b-secret", "h-secret"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	if w := p.Writes("backend=" + b.Addr); len(w) != 1 || !strings.HasPrefix(w[0].Path, "/register") {
		t.Errorf("/-/writes?backend= lists %+v", w)
	}
}

func TestWritesAreListedInPages(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(500, "no"))
	p := start(t, harness.BackendFlag(b), "--retry-attempts=1")
	c := harness.Dial(t, p.Listen)
	for range 7 {
		wantStatus(t, c.Do("POST", register("x")), 502)
	}
	seen := make(map[string]bool)
	query := "state=parked&limit=3"
	for range 10 {
		page, next := p.WritesPage(query)
		if len(page) > 3 {
			t.Fatalf("%d writes on a page of 3", len(page))
		}
		for _, w := range page {
			if seen[w.ID] {
				t.Errorf("%s is listed twice", w.ID)
			}
			seen[w.ID] = true
		}
		if next == "" {
			break
		}
		query = next
	}
	if len(seen) != 7 {
		t.Errorf("%d of 7 writes were listed", len(seen))
	}
	for _, bad := range []string{"state=nonsense", "limit=-1", "limit=x"} {
		if r := p.Get("/-/writes?" + bad); r.Status != 400 {
			t.Errorf("/-/writes?%s answers %d", bad, r.Status)
		}
	}
}
