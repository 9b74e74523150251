package check

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// root is the repository's directory.
const root = "../.."

// limit is how long anything that must happen may take.
const limit = 20 * time.Second

// program is the binary, built by TestMain.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tutti-deploy-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "tutti")
	if out, err := exec.Command("go", "build", "-C", root, "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// read is a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// host is a backend's name in a list of them: it is somebody else's network that knows it.
var host = regexp.MustCompile(`([=,])[a-z][a-z0-9.-]*:`)

// wantCommand fails the test unless the program accepts these flags and variables, and returns
// what they come to, with addresses for the backends' names.
func wantCommand(t *testing.T, env []string, args ...string) string {
	t.Helper()
	n := 0
	resolve := func(list []string) (resolved []string) {
		for _, a := range list {
			if strings.HasPrefix(a, "--backend=") || strings.HasPrefix(a, "TUTTI_BACKEND=") {
				a = host.ReplaceAllStringFunc(a, func(m string) string {
					n++
					return m[:1] + "192.0.2." + strconv.Itoa(n) + ":"
				})
			}
			resolved = append(resolved, a)
		}
		return resolved
	}
	cmd := exec.CommandContext(t.Context(), program, append(resolve(args), "--check")...)
	cmd.Env = resolve(env)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("tutti %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// needed finds a program of Debian's. Without it the test is skipped; in CI it fails.
func needed(t *testing.T, name, pkg string) {
	t.Helper()
	_, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%v, and in CI it has to be there", err)
	default:
		t.Skipf("%v: apt-get install --no-install-recommends %s", err, pkg)
	}
}

// freeAddr is an address nothing listens on now.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// running is a started program. The test's cleanup ends it.
type running struct {
	cmd *exec.Cmd
	log strings.Builder
}

// spawn starts a program.
func spawn(t *testing.T, argv ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command(argv[0], argv[1:]...)}
	r.cmd.Stderr = &r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.stop(syscall.SIGKILL) })
	return r
}

// stop signals it and waits for its end.
func (r *running) stop(sig syscall.Signal) error {
	if r.cmd.ProcessState != nil {
		return nil
	}
	if err := r.cmd.Process.Signal(sig); err != nil {
		return err
	}
	return r.cmd.Wait()
}

// status is what a URL answers; 0: nothing.
func status(ctx context.Context, method, url string) int {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader("username=schef&password=example"))
	if err != nil {
		return 0
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(limit)
	defer end.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
