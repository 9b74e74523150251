//go:build !race

package recipes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tutti/e2e/harness"
	"tutti/secure/securetest"
)

// behindTLS: what comes through nginx is told to the backends and the log as the client's own,
// over TLS, whatever the client claims; what comes past nginx can claim nothing.
func behindTLS(t *testing.T, r *recipe) {
	harness.Needed(t, "nginx", "nginx-light")
	harness.Needed(t, "curl", "curl")
	backends := harness.Backends(t, 3, harness.By(
		map[string]harness.Script{"POST": harness.Says(201, "written\n")}, harness.Says(200, "read\n")))
	for i, b := range backends {
		r.call([]string{"server1:8080", "server2:8080", "server3:8080"}[i], b.Addr)
	}
	log := filepath.Join(t.TempDir(), "access.log")
	r.call("/var/log/tutti/access.log", log)
	p := r.tutti()

	authority := securetest.New(t)
	cert, key := authority.Issue("www.example.com").Files()
	addr := harness.FreeAddr(t)
	_, port, _ := strings.Cut(addr, ":")
	r.call("127.0.0.1:8080", p.Listen)
	r.call("listen 443", "listen "+addr)
	r.call("/etc/ssl/www.example.com.pem", cert)
	r.call("/etc/ssl/www.example.com.key", key)
	startNginx(t, addr, r.next("nginx"))

	// curl as the recipe has it, from an address of its own, with a lie.
	curl := "curl() { command curl --cacert " + authority.File() + " --connect-to www.example.com:443:127.0.0.1:" + port +
		" --interface 127.0.0.9 -H 'X-Forwarded-For: 192.0.2.66' -H 'X-Forwarded-Proto: gopher' \"$@\"; }\n"
	if got := r.sh(curl + r.next("sh")); got != "read\nwritten\n" {
		t.Errorf("the recipe's commands print %q", got)
	}
	calls := 0
	for _, b := range backends {
		for _, call := range b.Calls() {
			calls++
			if got := call.Get("X-Forwarded-For"); got != "192.0.2.66, 127.0.0.9, 127.0.0.1" {
				t.Errorf("%s: X-Forwarded-For is %q", call.Start, got)
			}
			if got := call.Get("X-Forwarded-Proto"); got != "https" {
				t.Errorf("%s: X-Forwarded-Proto is %q", call.Start, got)
			}
			if host, forwarded := call.Get("Host"), call.Get("X-Forwarded-Host"); host != "www.example.com" || forwarded != host {
				t.Errorf("%s: Host is %q, X-Forwarded-Host %q", call.Start, host, forwarded)
			}
		}
	}
	if calls != 4 {
		t.Errorf("%d requests reached the backends, not one read and three writes", calls)
	}
	if got := r.sh(curl + "curl -sS -o /dev/null -w '%{http_code} %{http_version}' https://www.example.com/metrics"); got != "403 2" {
		t.Errorf("/metrics through nginx: %s", got)
	}

	// Past nginx.
	before := backends[0].Count() + backends[1].Count() + backends[2].Count()
	r.sh("curl -fsS -o /dev/null --interface 127.0.0.9 -H 'X-Forwarded-For: 192.0.2.66' -H 'X-Forwarded-Proto: https' http://" + p.Listen + "/login")
	for _, b := range backends {
		for _, call := range b.Calls() {
			if got := call.Get("X-Forwarded-For"); got == "127.0.0.9" && call.Get("X-Forwarded-Proto") == "http" {
				before = -1
			}
		}
	}
	if before != -1 {
		t.Error("a client past nginx is not told by its own address")
	}

	harness.Eventually(t, "all is in the log", func() bool {
		b, err := os.ReadFile(log)
		return err == nil && strings.Count(string(b), "127.0.0.9 - - [") == 4 && strings.Count(string(b), "\n") == 4
	})
}
