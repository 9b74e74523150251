//go:build !race

package monitoring

import (
	"testing"

	"tutti/e2e/harness"
)

// startExporter has the exporter of nginx's status read a running Tutti's.
func startExporter(t *testing.T, status string) (addr string) {
	t.Helper()
	harness.Needed(t, "prometheus-nginx-exporter", "prometheus-nginx-exporter")
	addr = harness.FreeAddr(t)
	p := harness.SpawnOther(t, "prometheus-nginx-exporter", "-nginx.scrape-uri="+status, "-web.listen-address="+addr)
	harness.Eventually(t, "the exporter answers", func() bool {
		if p.Ended() {
			t.Fatalf("the exporter ended at its start: %s", p.Stderr())
		}
		_, err := get(t.Context(), "http://"+addr+"/metrics")
		return err == nil
	})
	return addr
}

// TestNginxExporterReadsTheStatus on both listeners, with the numbers that are so.
func TestNginxExporterReadsTheStatus(t *testing.T) {
	t.Parallel()
	backend := harness.NewBackend(t, harness.Says(200, "ok"))
	p := program.Start(t, harness.BackendFlag(backend))
	byAdmin := startExporter(t, "http://"+p.Admin+"/nginx_status")

	scrape := func(addr string) harness.Metrics {
		t.Helper()
		text, err := get(t.Context(), "http://"+addr+"/metrics")
		if err != nil {
			t.Fatal(err)
		}
		m, err := harness.ParseMetrics(text)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	before := scrape(byAdmin)
	open := harness.Dial(t, p.Listen)
	for range 7 {
		if a := open.Do("GET", harness.Request("GET", "/login", "")); a.Status != 200 {
			t.Fatalf("status %d", a.Status)
		}
	}
	harness.Eventually(t, "the exporter tells the kept connection", func() bool {
		return scrape(byAdmin).Must(t, "nginx_connections_waiting") == 1
	})
	after := scrape(byAdmin)
	for name, least := range map[string]float64{
		"nginx_http_requests_total": 7, "nginx_connections_accepted": 1, "nginx_connections_handled": 1,
	} {
		if grown := after.Must(t, name) - before.Must(t, name); grown < least || grown > least+20 {
			t.Errorf("%s has grown by %v, for %v", name, grown, least)
		}
	}
	if n := after.Must(t, "nginx_connections_active"); n != 1 {
		t.Errorf("nginx_connections_active is %v", n)
	}
	byClients := startExporter(t, "http://"+p.Listen+"/nginx_status")
	for _, addr := range []string{byAdmin, byClients} {
		if up := scrape(addr).Must(t, "nginx_up"); up != 1 {
			t.Errorf("nginx_up is %v", up)
		}
	}
	p.Stop()
	if up := scrape(byAdmin).Must(t, "nginx_up"); up != 0 {
		t.Errorf("nginx_up is %v when there is nothing", up)
	}
}
