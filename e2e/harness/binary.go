package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Binary is the program under test.
type Binary struct {
	Path string

	root  string // of the module it was built from; empty: it was not
	noted *sync.Once
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
		args = append(args, "-race", "-pgo=off") // slow as it is, and all would be compiled once more
	}
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return Binary{}, fmt.Errorf("cannot build the program: %w\n%s", err, out)
	}
	return Binary{Path: path, root: root, noted: new(sync.Once)}, nil
}

// note looks at the directories the program was built from. What a test looks at, but not what
// its children read, tells go test whether a result that it keeps still holds.
func (b Binary) note(t testing.TB) {
	t.Helper()
	if b.root == "" {
		return
	}
	b.noted.Do(func() {
		err := filepath.WalkDir(b.root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && path != b.root && (d.Name()[0] == '.' || d.Name() == "e2e") {
				return filepath.SkipDir
			}
			return err
		})
		if err != nil {
			t.Errorf("cannot look at the program's sources: %v", err)
		}
	})
}

// Result is how a run of the program ended.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Run runs the program to its end. env is added to an environment without any of Tutti's.
func (b Binary) Run(t testing.TB, env []string, args ...string) Result {
	t.Helper()
	b.note(t)
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
