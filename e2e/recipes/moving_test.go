//go:build !race

package recipes

import (
	"regexp"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// TestMovingFromNginx runs what the page about it has the reader try.
func TestMovingFromNginx(t *testing.T) {
	t.Parallel()
	harness.Needed(t, "curl", "curl")
	for _, r := range readPage(t, "../../docs/moving-from-nginx.md") {
		r.t = t
		if r.title != "Beside the old one" {
			r.finished()
			continue
		}
		backends := harness.Backends(t, 3, harness.By(
			map[string]harness.Script{"POST": harness.Says(201, "written\n")}, harness.Says(200, "read\n")))
		for i, b := range backends {
			r.call([]string{"server1:8080", "server2:8080", "server3:8080"}[i], b.Addr)
		}
		p := r.tutti()
		r.call("127.0.0.1:8090", p.Listen)
		r.call("127.0.0.1:8091", p.Admin)
		got := r.run()
		if !regexp.MustCompile(`^read\nwritten\nTotal_domains_success_counter_total [123]\nActive connections: `).MatchString(got) {
			t.Errorf("the page's commands print %q", got)
		}
		harness.Eventually(t, "all have the write", func() bool {
			return p.Metrics().Must(t, "tutti_writes_settled_total") == 1
		})
		r.finished()
	}
}

// TestWhatThePagesSpeakOfExists: flags, series, and the places that links lead to.
func TestWhatThePagesSpeakOfExists(t *testing.T) {
	t.Parallel()
	pages := []string{"README.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/recipes.md", "docs/moving-from-nginx.md", "docs/deploying.md"}
	help := program.Run(t, nil, "--help").Stdout
	metrics := program.Start(t, "--demo-backends=2").Get("/metrics").Body
	for _, page := range pages {
		text := readFile(t, page)
		for _, flag := range unique(`--[a-z][a-z-]+[a-z]`, text) {
			if !strings.Contains(help, flag+" ") && !strings.Contains(help, flag+"=") && !others[flag] {
				t.Errorf("%s: there is no flag %s", page, flag)
			}
		}
		for _, name := range unique(`\b(?:tutti|target_domain|Total_domains)_[a-z_]+[a-z]`, text) {
			if !strings.Contains(metrics, name) && !others[name] {
				t.Errorf("%s: there is no series %s", page, name)
			}
		}
		for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
			wantPlace(t, page, m[1])
		}
	}
}
