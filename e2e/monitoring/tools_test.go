//go:build !race

package monitoring

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tutti/e2e/harness"
)

const deploy = "../../deploy/"

// read is a file of deploy/.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(deploy + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// client keeps no connection open.
var client = &http.Client{Timeout: harness.Limit, Transport: &http.Transport{DisableKeepAlives: true}}

// get is what a URL shows; an error, unless it is 200.
func get(ctx context.Context, url string) (string, error) {
	return do(ctx, http.MethodGet, url, "")
}

func do(ctx context.Context, method, url, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: status %d: %s", method, url, resp.StatusCode, b)
	}
	return string(b), err
}

// prometheus is a running one.
type prometheus struct {
	t   *testing.T
	url string
}

// startPrometheus starts it with a configuration and rules.
func startPrometheus(t *testing.T, config, rules string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"prometheus.yml": config, "alerts.yml": rules} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := harness.FreeAddr(t)
	p := &prometheus{t: t, url: "http://" + addr}
	process := harness.SpawnOther(t, "prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--log.level=warn")
	harness.Eventually(t, "Prometheus is ready", func() bool {
		if process.Ended() {
			t.Fatalf("Prometheus ended at its start: %s", process.Stderr())
		}
		_, err := get(t.Context(), p.url+"/-/ready")
		return err == nil
	})
	return p
}

// ask reads the data of an answer of its API.
func (p *prometheus) ask(path string, query url.Values, data any) error {
	body, err := get(p.t.Context(), p.url+"/api/v1/"+path+"?"+query.Encode())
	if err != nil {
		return err
	}
	answer := struct {
		Status string
		Data   any
	}{Data: data}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Status != "success" {
		return fmt.Errorf("%s: %w: %s", path, err, body)
	}
	return nil
}

// series is one of a query's result over time.
type series struct {
	Metric map[string]string
	Values [][2]any // time, number as text
}

// lately is a query's result over the last ten seconds.
func (p *prometheus) lately(query string) ([]series, error) {
	var data struct{ Result []series }
	now := time.Now()
	err := p.ask("query_range", url.Values{
		"query": {query}, "step": {"1"},
		"start": {fmt.Sprint(now.Add(-10 * time.Second).Unix())}, "end": {fmt.Sprint(now.Unix())},
	}, &data)
	return data.Result, err
}

// rule is an alert's, and how it stands.
type rule struct {
	Name, State, Health, LastError string
}

// rules are all of them by name.
func (p *prometheus) rules() map[string]rule {
	p.t.Helper()
	var data struct{ Groups []struct{ Rules []rule } }
	if err := p.ask("rules", nil, &data); err != nil {
		p.t.Fatal(err)
	}
	all := map[string]rule{}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			all[r.Name] = r
		}
	}
	return all
}
