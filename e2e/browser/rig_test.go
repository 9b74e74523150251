package browser

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// rig is the program before scripted backends, on addresses that it keeps when it is started again.
type rig struct {
	*harness.Process
	t        *testing.T
	clients  string // where they connect, whichever process it is
	args     []string
	backends []*harness.Backend
	client   *http.Client
}

// replicas answers reads with 200 and writes with 201.
func replicas(t *testing.T, n int) []*harness.Backend {
	t.Helper()
	return harness.Backends(t, n, harness.By(map[string]harness.Script{"POST": harness.Says(201, "w")}, harness.Says(200, "r")))
}

func start(t *testing.T, backends []*harness.Backend, args ...string) *rig {
	t.Helper()
	r := &rig{t: t, backends: backends, client: &http.Client{Transport: &http.Transport{}, Timeout: harness.Limit}}
	t.Cleanup(r.client.CloseIdleConnections)
	listen, admin := harness.FreeAddr(t), harness.FreeAddr(t)
	r.clients = listen
	r.args = append([]string{"--listen=" + listen, "--admin-listen=" + admin, harness.BackendFlag(backends...)}, args...)
	r.again(listen, admin)
	return r
}

func (r *rig) again(listen, admin string) {
	r.t.Helper()
	r.Process = program.Spawn(r.t, nil, r.args...)
	r.Listen, r.Admin = listen, admin
	harness.Eventually(r.t, "the program is ready", func() bool {
		resp, err := r.client.Get("http://" + admin + "/-/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// page is the status page's address.
func (r *rig) page() string { return "http://" + r.Admin + "/" }

// ask sends one request to the proxy and returns the status, 0 for none.
func (r *rig) ask(method, path, body string) int {
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.clients+path, strings.NewReader(body))
	if err != nil {
		r.t.Error(err)
		return 0
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// traffic sends reads, and a write after every few of them, until the test's end.
func (r *rig) traffic(each time.Duration, readsPerWrite int) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(each)
		defer tick.Stop()
		for i := 1; ; i++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			r.ask("GET", "/login", "")
			if readsPerWrite > 0 && i%readsPerWrite == 0 {
				r.ask("POST", "/register", fmt.Sprintf("username=u%d&password=secret", i))
			}
		}
	})
	r.t.Cleanup(func() {
		cancel()
		done.Wait()
	})
}
