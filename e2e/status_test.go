package e2e

import (
	"regexp"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

func TestAllSeriesExistAtZeroFromTheStart(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(backends...))
	m := p.Metrics()
	for _, name := range []string{
		"Total_domains_success_counter_total", "Total_domains_failed_counter_total",
		"tutti_client_connections", "tutti_writes_accepted_total", "tutti_writes_settled_total",
		"tutti_writes_pending", "tutti_writes_parked", "tutti_writes_pending_bytes", "tutti_unkeyed_writes_total",
	} {
		if v := m.Must(t, name); v != 0 {
			t.Errorf("%s begins at %v", name, v)
		}
	}
	for _, b := range backends {
		for _, name := range []string{"target_domain_success_counter_total", "target_domain_failed_counter_total"} {
			if v := m.Must(t, name, "domain", b.Addr); v != 0 {
				t.Errorf("%s begins at %v", name, v)
			}
		}
		for _, name := range []string{
			"tutti_backend_ejections_total", "tutti_retries_total", "tutti_owed_writes",
			"tutti_oldest_owed_seconds", "tutti_parked_writes", "tutti_rejected_deliveries_total",
			"tutti_backend_duration_seconds_count",
		} {
			if v := m.Must(t, name, "backend", b.Addr); v != 0 {
				t.Errorf("%s begins at %v", name, v)
			}
		}
		m.Must(t, "tutti_backend_requests_total", "backend", b.Addr, "code", "error")
		if v := m.Must(t, "tutti_backend_up", "backend", b.Addr); v != 1 {
			t.Errorf("a backend begins with up %v", v)
		}
	}
	for _, route := range []string{"balance", "fanout"} {
		m.Must(t, "tutti_requests_in_flight", "route", route)
		m.Must(t, "tutti_request_duration_seconds_count", "route", route)
		m.Must(t, "tutti_request_duration_seconds_bucket", "route", route, "le", "+Inf")
	}
	for _, prefix := range []string{"tutti_refused_writes_total{", "tutti_backend_connections{", "go_goroutines", "process_cpu_seconds_total"} {
		found := false
		for series := range m {
			found = found || strings.HasPrefix(series, prefix)
		}
		if !found {
			t.Errorf("/metrics has no %s", prefix)
		}
	}
}

func TestMetricsCountReadsAndWrites(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.By(
		map[string]harness.Script{"POST": harness.Says(201, "w")}, harness.Says(200, "r"),
	))
	p := start(t, harness.BackendFlag(backends...))
	c := harness.Dial(t, p.Listen)
	for range 4 {
		wantStatus(t, c.Do("GET", get("/secret-path?key=secret-key")), 200)
		wantStatus(t, c.Do("POST", register("x")), 201)
	}
	m := p.Metrics()
	for series, want := range map[string]float64{
		`tutti_requests_total{code="200",route="balance"}`:                            4,
		`tutti_requests_total{code="201",route="fanout"}`:                             4,
		`tutti_request_duration_seconds_count{route="fanout"}`:                        4,
		`tutti_writes_accepted_total`:                                                 4,
		`tutti_writes_settled_total`:                                                  4,
		`Total_domains_success_counter_total`:                                         8,
		`Total_domains_failed_counter_total`:                                          0,
		`tutti_client_connections`:                                                    1,
		`tutti_writes_pending_bytes`:                                                  0,
		`tutti_backend_requests_total{backend="` + backends[0].Addr + `",code="201"}`: 4,
		`tutti_backend_requests_total{backend="` + backends[0].Addr + `",code="200"}`: 2,
	} {
		if got, ok := m[series]; !ok || got != want {
			t.Errorf("%s is %v (%v), not %v", series, got, ok, want)
		}
	}
	for series := range m {
		if strings.Contains(series, "secret") || strings.Contains(series, "127.0.0.1:"+port(c)) {
			t.Errorf("a label tells too much: %s", series)
		}
	}
}

func port(c *harness.Conn) string {
	_, p, _ := strings.Cut(c.LocalAddr().String(), ":")
	return p
}

var stubStatus = regexp.MustCompile(`^Active connections: (\d+) \n` +
	`server accepts handled requests\n (\d+) (\d+) (\d+) \n` +
	`Reading: (\d+) Writing: (\d+) Waiting: (\d+) \n$`)

func TestNginxStatusHasNginxsForm(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	idle := harness.Dial(t, p.Listen)
	for range 3 {
		wantStatus(t, idle.Do("GET", get("/login")), 200)
	}
	r := p.Get("/nginx_status")
	if r.Status != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%d %s", r.Status, r.Header.Get("Content-Type"))
	}
	var f []string
	harness.Eventually(t, "the last answer is out", func() bool {
		r = p.Get("/nginx_status")
		if f = stubStatus.FindStringSubmatch(r.Body); f == nil {
			t.Fatalf("not nginx's form: %q", r.Body)
		}
		return f[6] == "0"
	})
	if f[1] != "1" || f[2] != "1" || f[3] != "1" || f[4] != "3" || f[7] != "1" {
		t.Errorf("after three requests on one open connection: %q", r.Body)
	}
	a := harness.Once(t, p.Listen, get("/nginx_status"))
	if a.Status != 200 || !stubStatus.MatchString(a.Body) {
		t.Errorf("on the proxy's listener: %s%s", a.Raw, a.Body)
	}
}

func TestExposeMetricsSaysWhoMaySeeThem(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "backend's"))
	forwarded := []string{"X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1", "x-forwarded-for: 10.0.0.1"}
	for _, path := range []string{"/metrics", "/nginx_status"} {
		p := start(t, harness.BackendFlag(b))
		c := harness.Dial(t, p.Listen)
		if a := c.Do("GET", get(path)); a.Status != 200 || a.Body == "backend's" {
			t.Errorf("local: %s answers %s%s", path, a.Raw, a.Body)
		}
		for _, field := range forwarded {
			if a := c.Do("GET", get(path, field)); a.Status != 403 {
				t.Errorf("local: %s with %s answers %d", path, field, a.Status)
			}
		}
		all := harness.Dial(t, start(t, harness.BackendFlag(b), "--expose-metrics=all").Listen)
		if a := all.Do("GET", get(path, forwarded[0])); a.Status != 200 || a.Body == "backend's" {
			t.Errorf("all: %s answers %s%s", path, a.Raw, a.Body)
		}
		off := harness.Dial(t, start(t, harness.BackendFlag(b), "--expose-metrics=off").Listen)
		if a := off.Do("GET", get(path)); a.Status != 200 || a.Body != "backend's" {
			t.Errorf("off: %s answers %s%s", path, a.Raw, a.Body)
		}
	}
}

func TestMetricsAreValidAndOnTheProxysListenerToo(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	a := harness.Once(t, p.Listen, get("/metrics"))
	m, err := harness.ParseMetrics(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	m.Must(t, "tutti_writes_accepted_total")
	if ct := a.Get("Content-Type"); !strings.HasPrefix(ct, "text/plain") {
		t.Errorf("Content-Type is %q", ct)
	}
	// HEAD has no body; the next answer is not shifted.
	c := harness.Dial(t, p.Listen)
	wantStatus(t, c.Do("HEAD", harness.Request("HEAD", "/metrics", "")), 200)
	if a := c.Do("GET", get("/login")); a.Body != "ok" {
		t.Errorf("after HEAD /metrics: %s%s", a.Raw, a.Body)
	}
}

// Once its ejection is over a backend is tried again, which does not make it one that can be reached.
func TestADeadBackendIsNotUpWhenItsEjectionIsOver(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "w"))
	b.Stop()
	p := start(t, harness.BackendFlag(b), "--eject-for=100ms", "--retry-base=1ms", "--retry-max-backoff=1ms",
		"--retry-attempts=4", "--ack-timeout=30s")
	up := func() float64 { return p.Metrics().Must(t, "tutti_backend_up", "backend", b.Addr) }
	if up() != 1 {
		t.Error("a backend that nobody has tried is not up")
	}
	wantStatus(t, harness.Once(t, p.Listen, post("/register", "x")), 502)
	harness.Eventually(t, "its ejection is over", func() bool {
		return strings.Contains(p.Get("/-/status").Body, `"state":"live"`)
	})
	if up() != 0 {
		t.Error("a backend that nobody has reached is up")
	}
	b.Start()
	wantStatus(t, harness.Once(t, p.Listen, get("/login")), 201)
	if up() != 1 {
		t.Error("a backend that answered is not up")
	}
}
