package e2e

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// wantOneLine fails the test unless the run said exactly one line on standard error that
// contains all the words, and ended with that code.
func wantOneLine(t *testing.T, r harness.Result, code int, words ...string) {
	t.Helper()
	if r.Code != code {
		t.Errorf("exit code %d, not %d\n%s", r.Code, code, r.Stderr)
	}
	if lines := strings.Count(strings.TrimSuffix(r.Stderr, "\n"), "\n") + 1; lines != 1 || r.Stderr == "" {
		t.Errorf("%d lines on standard error:\n%s", lines, r.Stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.Stderr, word) {
			t.Errorf("the line does not name %q: %s", word, r.Stderr)
		}
	}
	if strings.Contains(r.Stderr, "goroutine ") {
		t.Errorf("a stack: %s", r.Stderr)
	}
}

func TestAWrongFlagIsOneLineAndExitCodeTwo(t *testing.T) {
	t.Parallel()
	const backend = "--backend=127.0.0.1:9"
	cases := []struct {
		args  []string
		words []string
	}{
		{[]string{backend, "--nope"}, []string{"nope"}},
		{[]string{backend, "--nope=1"}, []string{"nope"}},
		{[]string{backend, "argument"}, []string{"argument"}},
		{[]string{}, []string{"backend"}}, // nobody to send anything to
		{[]string{"--backend=localhost"}, []string{"backend", "localhost"}},
		{[]string{"--backend=host:99999"}, []string{"backend", "host:99999"}},
		{[]string{"--backend=host:0"}, []string{"backend", "host:0"}},
		{[]string{"--backend=http://"}, []string{"backend", "http://"}},
		{[]string{"--backend=ftp://host:21"}, []string{"backend", "ftp://host:21"}},
		{[]string{"--backend=http://host:80/path"}, []string{"backend", "/path"}},
		{[]string{"--backend=not an address"}, []string{"backend", "not an address"}},
		{[]string{"--backend=a:1,b:2,a:1"}, []string{"backend", "a:1"}},
		{[]string{"--backend=a:1", "--backend=http://a:1"}, []string{"backend", "a:1"}},
		{[]string{backend, "--ack=banana"}, []string{"--ack", "banana", "quorum"}},
		{[]string{backend, "--ack=0"}, []string{"--ack", "0"}},
		{[]string{backend, "--ack=2"}, []string{"--ack", "2"}}, // of one backend
		{[]string{backend, "--ack-timeout=soon"}, []string{"--ack-timeout", "soon"}},
		{[]string{backend, "--ack-timeout=-1s"}, []string{"--ack-timeout", "-1s"}},
		{[]string{backend, "--max-write-size=10XB"}, []string{"--max-write-size", "10XB"}},
		{[]string{backend, "--max-header-size=-1"}, []string{"--max-header-size", "-1"}},
		{[]string{backend, "--max-conns=many"}, []string{"--max-conns", "many"}},
		{[]string{backend, "--max-conns=0"}, []string{"--max-conns", "0"}},
		{[]string{backend, "--success-status=abc"}, []string{"--success-status", "abc"}},
		{[]string{backend, "--success-status=299-200"}, []string{"--success-status", "299-200"}},
		{[]string{backend, "--success-status=42"}, []string{"--success-status", "42"}},
		{[]string{backend, "--reject-status=sometimes"}, []string{"--reject-status", "sometimes"}},
		{[]string{backend, "--retry-attempts=-1"}, []string{"--retry-attempts", "-1"}},
		{[]string{backend, "--retry-base=1"}, []string{"--retry-base"}}, // a unit is missing
		{[]string{backend, "--demo-backends=-1"}, []string{"--demo-backends", "-1"}},
		{[]string{"--demo-backends=1", "--demo-fail-rate=1.5"}, []string{"--demo-fail-rate", "1.5"}},
		{[]string{backend, "--expose-metrics=maybe"}, []string{"--expose-metrics", "maybe", "local"}},
		{[]string{backend, "--log-level=loud"}, []string{"--log-level", "loud"}},
		{[]string{backend, "--log-format=xml"}, []string{"--log-format", "xml"}},
		{[]string{backend, "--balance=/a", "--fanout=/a"}, []string{"/a"}},
		{[]string{backend, "--balance=no-slash"}, []string{"--balance", "no-slash"}},
		{[]string{backend, "--listen=nowhere"}, []string{"--listen", "nowhere"}},
		{[]string{backend, "--listen=127.0.0.1:99999"}, []string{"--listen", "99999"}},
		{[]string{backend, "--admin-token-file=/does/not/exist"}, []string{"/does/not/exist"}},
	}
	for _, tc := range cases {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			args := tc.args
			if !strings.Contains(strings.Join(args, " "), "--listen") {
				args = append([]string{"--listen=" + harness.FreeAddr(t)}, args...)
			}
			r := program.Run(t, nil, append(args, "--admin-listen=")...)
			code := 2
			if strings.Contains(strings.Join(args, " "), "token-file") && r.Code == 1 {
				code = 1 // a file that cannot be read may count as a failed start
			}
			wantOneLine(t, r, code, tc.words...)
		})
	}
}

func TestAWrongEnvironmentVariableIsOneLineToo(t *testing.T) {
	t.Parallel()
	r := program.Run(t, []string{"TUTTI_ACK=banana"}, "--backend=127.0.0.1:9", "--listen="+harness.FreeAddr(t))
	wantOneLine(t, r, 2, "banana")
	if !strings.Contains(r.Stderr, "TUTTI_ACK") && !strings.Contains(r.Stderr, "--ack") {
		t.Errorf("the line names neither the variable nor the flag: %s", r.Stderr)
	}
}

func TestATakenPortIsOneLineAndExitCodeOne(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", harness.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	taken := ln.Addr().String()
	for _, args := range [][]string{
		{"--listen=" + taken, "--admin-listen="},
		{"--listen=" + harness.FreeAddr(t), "--admin-listen=" + taken},
	} {
		wantOneLine(t, program.Run(t, nil, append(args, "--backend=127.0.0.1:9")...), 1, taken)
	}
	r := program.Run(t, nil, "--listen="+harness.FreeAddr(t), "--admin-listen=",
		"--demo-backends=1", "--demo-listen="+taken)
	wantOneLine(t, r, 1, taken)
}

func TestEveryFlagReadsItsVariableAndTheFlagWins(t *testing.T) {
	t.Parallel()
	env := []string{"TUTTI_BACKEND=127.0.0.1:9,127.0.0.1:10", "TUTTI_ACK=quorum", "TUTTI_MAX_WRITE_SIZE=3MiB"}
	r := program.Run(t, env, "--check", "--ack=one")
	if r.Code != 0 {
		t.Fatalf("exit code %d: %s", r.Code, r.Stderr)
	}
	if strings.Contains(r.Stdout, "quorum") {
		t.Errorf("the variable won over the flag:\n%s", r.Stdout)
	}
	for _, want := range []string{"127.0.0.1:9", "127.0.0.1:10", "one"} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("--check does not show %q:\n%s", want, r.Stdout)
		}
	}
}

func TestCheckStartsNothing(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", harness.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	r := program.Run(t, nil, "--check", "--backend=127.0.0.1:9", "--listen="+ln.Addr().String())
	if r.Code != 0 || !strings.Contains(r.Stdout, "max-conns") {
		t.Errorf("exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	wantOneLine(t, program.Run(t, nil, "--check", "--backend=nonsense"), 2, "nonsense")
}

func TestHelpListsTheFlagsInAHundredColumns(t *testing.T) {
	t.Parallel()
	r := program.Run(t, nil, "--help")
	if r.Code != 0 {
		t.Errorf("exit code %d", r.Code)
	}
	out := r.Stdout + r.Stderr
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, flag := range []string{
		"listen", "admin-listen", "admin-hosts", "admin-token-file", "expose-metrics",
		"backend", "balance", "fanout", "dial-timeout", "backend-timeout", "stream-timeout", "max-conns",
		"queue-timeout", "idle-conn-timeout", "read-tries", "eject-after", "eject-for", "success-status",
		"reject-status", "ack", "ack-timeout", "max-pending", "max-pending-bytes", "idempotency-window",
		"retry-attempts", "retry-base", "retry-max-backoff", "retry-jitter", "max-write-size",
		"max-header-size", "client-timeout", "idle-timeout", "max-clients", "shutdown-delay",
		"shutdown-timeout", "demo-backends", "demo-flaky", "demo-fail-rate", "demo-latency", "demo-listen",
		"log-format", "log-level", "check", "version",
	} {
		if !regexp.MustCompile(`--` + flag + `\b`).MatchString(out) {
			t.Errorf("--help does not list --%s", flag)
		}
	}
	// What is not built yet is absent, not ignored.
	for _, absent := range []string{"journal", "order-by", "tls-cert", "trusted-proxies", "access-log", "health-path"} {
		if !strings.Contains(out, "--"+absent) {
			wantOneLine(t, program.Run(t, nil, "--backend=a:1", "--check", "--"+absent+"=x"), 2, absent)
		}
	}
}

func TestVersionIsPrinted(t *testing.T) {
	t.Parallel()
	r := program.Run(t, nil, "--version")
	if r.Code != 0 || !strings.Contains(strings.ToLower(r.Stdout), "tutti") {
		t.Errorf("exit code %d: %q %q", r.Code, r.Stdout, r.Stderr)
	}
}

func TestTheAdminTokenGuardsWhatChangesSomething(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b), "--admin-token-file="+file)
	path := "/-/backends/" + b.Addr + "/drain"
	for _, auth := range []string{
		"", "Authorization: Bearer wrong", "Authorization: Bearer s3cret-toke",
		"Authorization: Basic s3cret-token", "Authorization: Bearer ",
	} {
		fields := []string{"Tutti-Admin: 1"}
		if auth != "" {
			fields = append(fields, auth)
		}
		if r := p.Do("POST", path, fields...); r.Status != 401 && r.Status != 403 {
			t.Errorf("%q: drain answers %d", auth, r.Status)
		}
		if r := p.Do("GET", "/debug/pprof/goroutine?debug=1", fields...); r.Status != 401 && r.Status != 403 {
			t.Errorf("%q: pprof answers %d", auth, r.Status)
		}
	}
	if r := p.Do("POST", path, "Tutti-Admin: 1", "Authorization: Bearer s3cret-token"); r.Status/100 != 2 {
		t.Errorf("with the token drain answers %d: %s", r.Status, r.Body)
	}
	if r := p.Do("GET", "/debug/pprof/goroutine?debug=1", "Authorization: Bearer s3cret-token"); r.Status != 200 {
		t.Errorf("with the token pprof answers %d", r.Status)
	}
	for _, open := range []string{"/-/healthy", "/metrics", "/-/writes", "/-/status"} {
		if r := p.Get(open); r.Status != 200 {
			t.Errorf("%s answers %d without a token", open, r.Status)
		}
	}
	if strings.Contains(p.Stderr(), "s3cret") {
		t.Error("the log shows the token")
	}
}
