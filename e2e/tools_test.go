package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"tutti/e2e/harness"
)

// needed finds a tool; without it the test is skipped, in CI it fails.
func needed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	return path
}

// curl asks for /login over TLS with curl, twice on one connection.
func curl(t *testing.T, f *tlsFront, ca string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(f.Listen)
	url := "https://tutti.test:" + port + "/login"
	out, err := exec.CommandContext(t.Context(), needed(t, "curl"), "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "20",
		"--cacert", ca, "--resolve", "tutti.test:"+port+":127.0.0.1", url, url).CombinedOutput()
	if err != nil || string(out) != "okok" {
		t.Errorf("curl: %v: %s", err, out)
	}
}

// openssl asks for /login with openssl s_client and returns the served certificate's number.
func openssl(t *testing.T, f *tlsFront, ca string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), needed(t, "openssl"), "s_client", "-connect", f.Listen, "-servername", "tutti.test",
		"-CAfile", ca, "-verify_return_error", "-verify_hostname", "tutti.test", "-ign_eof")
	cmd.Stdin = strings.NewReader(get("/login", "Connection: close"))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "HTTP/1.1 200 ") {
		t.Errorf("openssl: %v\n%s", err, out)
	}
	_, rest, _ := strings.Cut(string(out), "-----BEGIN")
	block, _ := pem.Decode([]byte("-----BEGIN" + rest))
	if block == nil {
		t.Fatalf("openssl shows no certificate:\n%s", out)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert.SerialNumber.String()
}

// browse makes new TLS connections with two requests each until stop is closed.
func browse(t *testing.T, f *tlsFront, stop <-chan struct{}, served *atomic.Int64) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		c, err := harness.TryDialTLS(t, f.Listen, f.client)
		if err != nil {
			return err
		}
		for range 2 {
			if err := c.TrySend(get("/login")); err != nil {
				return err
			}
			a, err := c.TryAnswer("GET")
			if err != nil {
				return err
			}
			if a.Status != 200 {
				return fmt.Errorf("status %d", a.Status)
			}
			served.Add(1)
		}
		c.Close()
	}
}

func TestCurlAndOpenSSLSeeASwappedCertificateUnderLoad(t *testing.T) {
	t.Parallel()
	f := startTLS(t, harness.BackendFlag(harness.NewBackend(t, harness.Says(200, "ok"))))
	ca := f.authority.File()
	stop := make(chan struct{})
	var served atomic.Int64
	wait := background(4, func(int) {
		if err := browse(t, f, stop, &served); err != nil {
			t.Errorf("a request failed: %v", err)
		}
	})
	harness.Eventually(t, "the load runs", func() bool { return served.Load() > 20 || t.Failed() })
	curl(t, f, ca)
	first := openssl(t, f, ca)
	f.authority.Issue("tutti.test").Write(f.cert, f.key)
	curl(t, f, ca)
	harness.Eventually(t, "the new certificate is served", func() bool { return serial(f.dial(t)) != first })
	curl(t, f, ca)
	if second := openssl(t, f, ca); second == first {
		t.Error("openssl is shown the old certificate")
	}
	close(stop)
	wait()
	t.Logf("%d requests over TLS meanwhile", served.Load())
}
