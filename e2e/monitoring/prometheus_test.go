//go:build !race

package monitoring

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// impatient is a text of ours with each pair's first part replaced by its second; each has to
// be there.
func impatient(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("there is no %q to replace", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// config is our configuration for Prometheus, in a hurry.
func config(t *testing.T, tutti *harness.Process) string {
	t.Helper()
	return impatient(t, read(t, "prometheus.yml"), "scrape_interval: 5s", "scrape_interval: 250ms",
		"evaluation_interval: 15s", "evaluation_interval: 250ms", "tutti:8081", tutti.Admin)
}

// rules are our alerts without the times that a test can't wait for.
func rules(t *testing.T) string {
	t.Helper()
	text := read(t, "alerts.yml")
	for _, wait := range []string{"30s", "1m", "2m", "5m"} {
		text = impatient(t, text, "for: "+wait, "for: 0s")
	}
	return impatient(t, text, "tutti_oldest_owed_seconds > 300", "tutti_oldest_owed_seconds > 2")
}

// traffic reads and writes without end, until ctx ends. Errors are what the test is about.
func traffic(ctx context.Context, addr string) (wait func()) {
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for n := 0; ; n++ {
				_, _ = get(ctx, "http://"+addr+"/login")
				_, _ = do(ctx, http.MethodPost, "http://"+addr+"/register", fmt.Sprintf("username=u%d-%d&password=x", i, n))
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
	return wg.Wait
}

// byPath has a write to /poison fail, and one to /refused be rejected.
func byPath(poison, refused harness.Script) harness.Script {
	written := harness.Says(201, "written")
	return harness.By(map[string]harness.Script{"POST": func(c *harness.Call) {
		switch c.Target {
		case "/poison":
			poison(c)
		case "/refused":
			refused(c)
		default:
			written(c)
		}
	}}, harness.Says(200, "read"))
}

// TestEveryQueryOfTheDashboardReturnsData from a Tutti under load, with a journal.
func TestEveryQueryOfTheDashboardReturnsData(t *testing.T) {
	t.Parallel()
	harness.Needed(t, "prometheus", "prometheus")
	script := harness.By(map[string]harness.Script{"POST": harness.Says(201, "written")}, harness.Says(200, "read"))
	tutti := program.Start(t, harness.BackendFlag(harness.Backends(t, 3, script)...), "--journal="+filepath.Join(t.TempDir(), "journal"))
	p := startPrometheus(t, config(t, tutti), rules(t))
	ctx, stop := context.WithCancel(t.Context())
	wait := traffic(ctx, tutti.Listen)
	defer wait()
	defer stop()
	d := loadDashboard(t)
	d.wantData(t, p, tutti.Admin)
	d.wantChoices(t, p, tutti.Admin)
}

// TestEveryAlertFires, and none before something goes wrong: a real Prometheus watches a Tutti
// under load, to which one thing after the other is done.
func TestEveryAlertFires(t *testing.T) {
	t.Parallel()
	harness.Needed(t, "prometheus", "prometheus")
	good, bad := harness.Says(201, "ok"), harness.Says(500, "no")
	backends := []*harness.Backend{
		harness.NewBackend(t, byPath(good, good)),
		harness.NewBackend(t, byPath(bad, harness.Says(409, "no"))),
		harness.NewBackend(t, byPath(good, good)),
	}
	tutti := program.Start(t, harness.BackendFlag(backends...), "--ack=1", "--reject-status=409", "--retry-attempts=3",
		"--retry-base=10ms", "--retry-max-backoff=50ms", "--eject-after=1", "--eject-for=50ms", "--max-pending=200",
		"--idempotency-window=1s")
	p := startPrometheus(t, config(t, tutti), rules(t))
	ctx, stop := context.WithCancel(t.Context())
	wait := traffic(ctx, tutti.Listen)
	defer wait()
	defer stop()

	names := alerts(t)
	harness.Eventually(t, "Prometheus has seen some writes", func() bool {
		seen, err := p.lately("tutti_writes_accepted_total > 20")
		return err == nil && len(seen) > 0 && len(p.rules()) == len(names)
	})
	for _, name := range names {
		if r := p.rules()[name]; r.State != "inactive" || r.Health != "ok" || r.LastError != "" {
			t.Errorf("%s: %+v, though all is well", name, r)
		}
	}

	fired := map[string]bool{}
	fires := func(name string) {
		t.Helper()
		harness.Eventually(t, name+" fires", func() bool { return p.rules()[name].State == "firing" })
		fired[name] = true
	}
	write := func(path string) {
		t.Helper()
		_, _ = do(t.Context(), http.MethodPost, "http://"+tutti.Listen+path, "x")
	}
	write("/poison")
	fires("TuttiParkedWrites")
	write("/refused")
	fires("TuttiBackendsDiffer")
	for range 5 {
		backends[2].Stop()
		harness.Eventually(t, "it is down", func() bool {
			return tutti.Metrics().Must(t, "tutti_backend_up", "backend", backends[2].Addr) == 0
		})
		backends[2].Start()
		harness.Eventually(t, "it is up", func() bool {
			return tutti.Metrics().Must(t, "tutti_backend_up", "backend", backends[2].Addr) == 1
		})
	}
	fires("TuttiBackendFlaps")
	backends[2].Stop()
	for _, name := range []string{"TuttiBackendDown", "TuttiOwedTooLong", "TuttiRefusesWrites", "TuttiServerErrors"} {
		fires(name)
	}
	backends[0].Stop()
	backends[1].Stop()
	fires("TuttiNoBackend")
	tutti.Signal(syscall.SIGKILL)
	fires("TuttiDown")

	for _, name := range names {
		if r := p.rules()[name]; r.Health != "ok" {
			t.Errorf("%s: %+v", name, r)
		}
		if !fired[name] && name != "TuttiAccessLogLost" && name != "TuttiJournalFails" { // those have a test of their own
			t.Errorf("%s has never fired", name)
		}
	}
}

func TestAFullJournalAlerts(t *testing.T) {
	t.Parallel()
	harness.Needed(t, "prometheus", "prometheus")
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	tutti := program.Start(t, harness.BackendFlag(b), "--ack-timeout=1ms", "--journal="+filepath.Join(t.TempDir(), "journal"), "--journal-max-size=1MiB")
	p := startPrometheus(t, config(t, tutti), rules(t))
	harness.Eventually(t, "the rules are evaluated", func() bool {
		r := p.rules()["TuttiJournalFails"]
		return r.Health == "ok" && r.State == "inactive"
	})
	b.Stop()
	body := strings.Repeat("x", 50_000)
	harness.Eventually(t, "TuttiJournalFails fires", func() bool {
		_, _ = do(t.Context(), http.MethodPost, "http://"+tutti.Listen+"/register", body) // refused, in the end
		return p.rules()["TuttiJournalFails"].State == "firing"
	})
}

func TestAFullDiskOfTheAccessLogAlerts(t *testing.T) {
	t.Parallel()
	harness.Needed(t, "prometheus", "prometheus")
	tutti := program.Start(t, harness.BackendFlag(harness.NewBackend(t, harness.Says(200, "ok"))), "--access-log=/dev/full")
	p := startPrometheus(t, config(t, tutti), rules(t))
	harness.Eventually(t, "the rules are evaluated", func() bool {
		r := p.rules()["TuttiAccessLogLost"]
		return r.Health == "ok" && r.State == "inactive"
	})
	harness.Eventually(t, "TuttiAccessLogLost fires", func() bool {
		if _, err := get(t.Context(), "http://"+tutti.Listen+"/login"); err != nil {
			t.Fatal(err)
		}
		return p.rules()["TuttiAccessLogLost"].State == "firing"
	})
}
