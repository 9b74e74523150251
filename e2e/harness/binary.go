package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Binary is the program under test.
type Binary struct {
	Path string
}

// Build builds the module whose root is given, into dir; with race under the race detector.
// An executable named by TUTTI_BINARY is used instead.
func Build(root, dir string, race bool) (Binary, error) {
	if path := os.Getenv("TUTTI_BINARY"); path != "" {
		return Binary{Path: path}, nil
	}
	path := filepath.Join(dir, "tutti")
	args := []string{"build", "-o", path}
	if race {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return Binary{}, fmt.Errorf("cannot build the program: %w\n%s", err, out)
	}
	return Binary{Path: path}, nil
}

// Result is how a run of the program ended.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Run runs the program to its end. env is added to an environment without any of Tutti's.
func (b Binary) Run(t testing.TB, env []string, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.Path, args...)
	cmd.Env = append(plainEnv(), env...)
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("tutti %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}

// plainEnv is this process's environment without what would configure Tutti.
func plainEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "TUTTI_") && !strings.HasPrefix(kv, "SKIP_SOME_REQUESTS=") {
			env = append(env, kv)
		}
	}
	return env
}
