// Package e2e tests the whole program from outside: the binary built once, real sockets, real
// signals. What is wanted was written down from the contract, not from the code.
package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tutti/e2e/harness"
)

// program is what TestMain built.
var program harness.Binary

func TestMain(m *testing.M) {
	if addr := os.Getenv(recorderAddr); addr != "" {
		os.Exit(record(addr, os.Getenv(recorderFile), os.Getenv(recorderMood)))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tutti-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if program, err = harness.Build("..", dir, raced); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// start starts the program.
func start(t *testing.T, args ...string) *harness.Process {
	t.Helper()
	return program.Start(t, args...)
}

// soak skips a test that takes long, unless TUTTI_SOAK is set, and returns how long it is to
// load the program: 30 s with TUTTI_SOAK=1, otherwise what the variable says ("12s").
func soak(t *testing.T) time.Duration {
	t.Helper()
	switch value := os.Getenv("TUTTI_SOAK"); value {
	case "":
		t.Skip("long; TUTTI_SOAK=1 runs it")
		return 0
	case "1":
		return 30 * time.Second
	default:
		d, err := time.ParseDuration(value)
		if err != nil || d < 10*time.Second {
			t.Fatalf("TUTTI_SOAK=%s: want 1 or a time of at least 10s", value)
		}
		return d
	}
}

// get is a GET on a kept-alive connection.
func get(target string, fields ...string) string {
	return harness.Request("GET", target, "", fields...)
}

// post is a POST with a body.
func post(target, body string, fields ...string) string {
	return harness.Request("POST", target, body, fields...)
}

// register is the demo's write.
func register(user string) string {
	return post("/register", "username="+user+"&password=example",
		"Content-Type: application/x-www-form-urlencoded")
}

// crowd runs f n times at once and waits for all.
func crowd(n int, f func(i int)) { background(n, f)() }

// background starts f n times and returns what waits for them all.
func background(n int, f func(i int)) (wait func()) {
	wg := new(sync.WaitGroup)
	for i := range n {
		wg.Go(func() { f(i) })
	}
	return wg.Wait
}

// wantStatus fails the test unless the answer has that status.
func wantStatus(t *testing.T, a *harness.Answer, status int) {
	t.Helper()
	if a.Status != status {
		t.Fatalf("wanted status %d, got:\n%s%s", status, a.Raw, a.Body)
	}
}

// wantProblem fails the test unless the answer is one of Tutti's own and tells
// nothing of the backends.
func wantProblem(t *testing.T, a *harness.Answer, status int, word string, secrets ...string) {
	t.Helper()
	wantStatus(t, a, status)
	if ct := a.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type is %q", ct)
	}
	if ps := a.Get("Proxy-Status"); ps != "tutti; error="+word {
		t.Errorf("Proxy-Status is %q, not error=%s", ps, word)
	}
	for _, member := range []string{`"type"`, `"title"`, `"status"`, `"detail"`} {
		if a.Framing != "none" && !strings.Contains(a.Body, member) {
			t.Errorf("the problem has no %s: %s", member, a.Body)
		}
	}
	for _, secret := range secrets {
		if strings.Contains(a.Raw+a.Body, secret) {
			t.Errorf("the answer tells %q:\n%s%s", secret, a.Raw, a.Body)
		}
	}
}
