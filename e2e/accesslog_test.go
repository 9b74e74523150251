package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// TestLogrotateLosesNoLine: files moved away and signals sent while clients are busy. Each
// request is a line, in one of the files, once.
func TestLogrotateLosesNoLine(t *testing.T) {
	const clients, each, moves = 4, 500, 10
	file := filepath.Join(t.TempDir(), "access.log")
	p := start(t, "--demo-backends=3", "--demo-flaky=0", "--access-log="+file)
	wait := background(clients, func(c int) {
		conn := harness.Dial(t, p.Listen)
		for i := range each {
			if a := conn.Do("GET", get(fmt.Sprintf("/login?%d-%d", c, i))); a.Status != 200 {
				t.Errorf("status %d", a.Status)
				return
			}
		}
	})
	for i := range moves {
		if err := os.Rename(file, fmt.Sprintf("%s.%d", file, i)); err != nil {
			t.Fatal(err)
		}
		p.Signal([]os.Signal{syscall.SIGHUP, syscall.SIGUSR1}[i%2])
		made(t, file)
	}
	wait()
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	seen := map[string]int{}
	files, _ := filepath.Glob(file + "*")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			_, rest, _ := strings.Cut(line, `"GET /login?`)
			request, rest, ok := strings.Cut(rest, ` HTTP/1.1" 200 `)
			if !ok || !strings.HasSuffix(rest, "\n") {
				t.Fatalf("%s: %q", name, line)
			}
			seen[request]++
		}
	}
	for c := range clients {
		for i := range each {
			if n := seen[fmt.Sprintf("%d-%d", c, i)]; n != 1 {
				t.Errorf("request %d-%d: %d lines", c, i, n)
			}
		}
	}
	if len(files) != moves+1 {
		t.Errorf("%d files", len(files))
	}
}

// made waits until the file is there.
func made(t *testing.T, file string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-tick.C {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s was not made again", file)
		}
	}
}

// TestAReaderOfTheAccessLogThatLeavesDoesNotEndTheProgram: a broken pipe on standard output
// would, by itself.
func TestAReaderOfTheAccessLogThatLeavesDoesNotEndTheProgram(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "--demo-backends=1", "--demo-flaky=0", "--access-log="+pipe)
	_ = reader.Close()
	for p.Metrics()["tutti_access_log_dropped_total"] == 0 {
		wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
	}
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
