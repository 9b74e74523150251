package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// The test binary, started with these, is a backend that can be killed for real: it appends
// each body to the file, a line each, before it answers 201.
const (
	recorderAddr = "E2E_RECORDER_ADDR"
	recorderFile = "E2E_RECORDER_FILE"
)

func record(addr, file string) int {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if _, err := fmt.Fprintf(f, "%s\n", body); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			w.WriteHeader(http.StatusCreated)
		},
	)}
	fmt.Fprintln(os.Stderr, server.Serve(ln))
	return 1
}

// recorder is a backend in a process of its own.
type recorder struct {
	addr, file string
	process    *harness.Process
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{addr: harness.FreeAddr(t), file: t.TempDir() + "/writes"}
	r.start(t)
	return r
}

func (r *recorder) start(t *testing.T) {
	t.Helper()
	self := harness.Binary{Path: os.Args[0]}
	r.process = self.Spawn(t, []string{recorderAddr + "=" + r.addr, recorderFile + "=" + r.file})
	harness.Eventually(t, "the recorder listens", func() bool {
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// seen is how often each body arrived.
func (r *recorder) seen(t *testing.T) map[string]int {
	t.Helper()
	data, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for line := range strings.Lines(string(data)) {
		seen[strings.TrimSuffix(line, "\n")]++
	}
	return seen
}
