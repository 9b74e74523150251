//go:build !race

package recipes

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tutti/e2e/harness"
)

// server is somebody else's, from a Debian package. It can be stopped and started again.
type server struct {
	addr, url string
	t         *testing.T
	argv      []string
	*harness.Process
}

// serve starts a program that is to listen on addr.
func serve(t *testing.T, addr string, argv ...string) *server {
	t.Helper()
	s := &server{addr: addr, url: "http://" + addr, t: t, argv: argv}
	s.start()
	return s
}

// start starts it (again) and waits until it accepts connections.
func (s *server) start() {
	s.t.Helper()
	s.Process = harness.SpawnOther(s.t, s.argv[0], s.argv[1:]...)
	harness.Eventually(s.t, s.argv[0]+" listens", func() bool {
		if s.Ended() {
			s.t.Fatalf("%s ended at its start:\n%s%s", s.argv[0], s.Stdout(), s.Stderr())
		}
		c, err := harness.TryDial(s.t, s.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// stop ends it as its operator would.
func (s *server) stop() {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	s.Wait()
}

// file writes a file into a directory of the test's own and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// client keeps no connection open: none is a leak, none is stale.
var client = &http.Client{
	Timeout:   2 * harness.Limit,
	Transport: &http.Transport{DisableKeepAlives: true},
}

// reply is an answer.
type reply struct {
	status int
	body   string
}

// try makes a request.
func try(t *testing.T, method, url, body string, fields ...[2]string) (reply, error) {
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return reply{}, err
	}
	for _, f := range fields {
		if req.Header.Set(f[0], f[1]); f[0] == "Host" {
			req.Host = f[1]
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, string(b)}, err
}

// get is what a URL shows; the test ends if it doesn't.
func get(t *testing.T, url string, fields ...[2]string) string {
	t.Helper()
	r, err := try(t, http.MethodGet, url, "", fields...)
	if err != nil || r.status != http.StatusOK {
		t.Fatalf("GET %s: %+v, %v", url, r, err)
	}
	return r.body
}

// settled waits until no backend is owed a write and fails the test unless n have been accepted
// and all of them delivered.
func settled(t *testing.T, p *harness.Process, n int) {
	t.Helper()
	delivered(t, p)
	if accepted := p.Metrics().Must(t, "tutti_writes_accepted_total"); accepted != float64(n) {
		t.Errorf("%v writes were accepted, not %d", accepted, n)
	}
}

// delivered is settled, of however many writes.
func delivered(t *testing.T, p *harness.Process) {
	t.Helper()
	harness.EventuallyWithin(t, 3*harness.Limit, "nothing is owed any more", func() bool {
		return p.Metrics().Must(t, "tutti_writes_pending") == 0
	})
	m := p.Metrics()
	if parked, rejected := m.Must(t, "tutti_writes_parked"), m.Sum("tutti_rejected_deliveries_total"); parked+rejected != 0 {
		t.Errorf("%v writes are parked, %v deliveries were rejected", parked, rejected)
	}
}

// owed is how many writes a backend has not got.
func owed(t *testing.T, p *harness.Process, s *server) float64 {
	t.Helper()
	return p.Metrics().Must(t, "tutti_owed_writes", "backend", s.addr)
}
