//go:build !race

package monitoring

import (
	"os/exec"
	"regexp"
	"slices"
	"testing"

	"tutti/e2e/harness"
)

// alerts are the names of our alerts.
func alerts(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^ *- alert: (\w+)$`).FindAllStringSubmatch(read(t, "alerts.yml"), -1) {
		names = append(names, m[1])
	}
	if len(names) < 10 {
		t.Fatalf("found %d alerts only", len(names))
	}
	return names
}

func TestPromtoolFindsConfigurationAndRulesGood(t *testing.T) {
	t.Parallel()
	harness.Needed(t, "promtool", "prometheus")
	for _, args := range [][]string{
		{"check", "config", deploy + "prometheus.yml"},
		{"check", "rules", deploy + "alerts.yml"},
		{"test", "rules", deploy + "alerts_test.yml"},
	} {
		if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
	}
}

func TestEachAlertIsTestedToFireAndNotToFire(t *testing.T) {
	t.Parallel()
	text := read(t, "alerts_test.yml")
	tested := func(pattern string) []string {
		var names []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		return names
	}
	fires := tested(`(?m)^ *alertname: (\w+)\n *exp_alerts:\n`)
	quiet := tested(`(?m)^ *- \{eval_time: \w+, alertname: (\w+)\}$`)
	for _, name := range alerts(t) {
		if !slices.Contains(fires, name) {
			t.Errorf("%s is not tested to fire", name)
		}
		if !slices.Contains(quiet, name) {
			t.Errorf("%s is not tested to be quiet", name)
		}
	}
}
