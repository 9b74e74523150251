package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// unit is tutti.service with the program where it is, as a file of that name.
func unit(t *testing.T) string {
	t.Helper()
	text := strings.Replace(read(t, "deploy/tutti.service"), "ExecStart=/usr/local/bin/tutti", "ExecStart="+program, 1)
	path := filepath.Join(t.TempDir(), "tutti.service")
	if !strings.Contains(text, program) || os.WriteFile(path, []byte(text), 0o600) != nil {
		t.Fatal("cannot write the unit")
	}
	return path
}

func TestSystemdFindsTheUnitGoodAndTight(t *testing.T) {
	t.Parallel()
	needed(t, "systemd-analyze", "systemd")
	path := unit(t)
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v: %s", err, out)
	}
	// 15: at most 1.5 of 10.
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=15", path).CombinedOutput(); err != nil {
		t.Errorf("security: %v: %s", err, out)
	}
}

// environment is what is in tutti.env.
func environment(t *testing.T) []string {
	t.Helper()
	var env []string
	for line := range strings.Lines(read(t, "deploy/tutti.env")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			env = append(env, line)
		}
	}
	return env
}

func TestTheUnitsEnvironmentIsGood(t *testing.T) {
	t.Parallel()
	text := wantCommand(t, environment(t))
	for _, want := range []string{"192.0.2.3:8080", "--access-log=/var/log/tutti/access.log", "--journal=/var/lib/tutti"} {
		if !strings.Contains(text, want) {
			t.Errorf("--check does not tell of %s: %s", want, text)
		}
	}
}

// TestTheUnitsSystemCallsSuffice: what the program calls while it starts, serves, logs, re-opens
// and stops is what the unit allows.
func TestTheUnitsSystemCallsSuffice(t *testing.T) {
	t.Parallel()
	needed(t, "systemd-analyze", "systemd")
	needed(t, "strace", "strace")
	allowed := allowedCalls(t)
	dir := t.TempDir()
	trace, clients, admin := filepath.Join(dir, "trace"), freeAddr(t), freeAddr(t)
	r := spawn(t, "strace", "-f", "-qq", "-o", trace, program, "--demo-backends=3", "--listen="+clients, "--admin-listen="+admin,
		"--access-log="+filepath.Join(dir, "access.log"), "--journal="+filepath.Join(dir, "journal"), "--health-path=/")
	eventually(t, "it is ready", func() bool { return status(t.Context(), "GET", "http://"+admin+"/-/ready") == 200 })
	for _, path := range []string{"/login", "/metrics"} {
		if got := status(t.Context(), "GET", "http://"+clients+path); got != 200 {
			t.Errorf("%s: %d", path, got)
		}
	}
	if got := status(t.Context(), "POST", "http://"+clients+"/register"); got != 201 {
		t.Errorf("a write: %d", got)
	}
	pid := tracee(t, r.cmd.Process.Pid)
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v: %s", err, r.log.String())
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(`).FindAllStringSubmatch(string(b), -1) {
		seen[m[1]] = true
	}
	if len(seen) < 20 {
		t.Errorf("only %d system calls were seen", len(seen))
	}
	for name := range seen {
		if !slices.Contains(allowed, name) {
			t.Errorf("%s is not allowed", name)
		}
	}
}

// tracee is strace's child.
func tracee(t *testing.T, pid int) int {
	t.Helper()
	tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, name := range tasks {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if child, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			return child
		}
	}
	t.Fatal("strace has no child")
	return 0
}

// allowedCalls are what the unit's SystemCallFilter lines leave.
func allowedCalls(t *testing.T) []string {
	t.Helper()
	var allowed []string
	for _, m := range regexp.MustCompile(`(?m)^SystemCallFilter=(~?)(.+)$`).FindAllStringSubmatch(read(t, "deploy/tutti.service"), -1) {
		for set := range strings.FieldsSeq(m[2]) {
			names := calls(t, set)
			if m[1] == "" {
				allowed = append(allowed, names...)
				continue
			}
			allowed = slices.DeleteFunc(allowed, func(name string) bool { return slices.Contains(names, name) })
		}
	}
	return allowed
}

// calls are the system calls of a set, those of the sets in it included.
func calls(t *testing.T, set string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "syscall-filter", "--no-pager", set).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		name := strings.TrimSpace(line)
		switch {
		case name == set || name == "" || strings.HasPrefix(name, "#"):
		case strings.HasPrefix(name, "@"):
			all = append(all, calls(t, name)...)
		default:
			all = append(all, name)
		}
	}
	return all
}
