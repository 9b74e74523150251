package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// The test binary, started with these, is a backend that can be killed for real: it appends what
// it receives to the file, a line each, before it answers 201.
const (
	recorderAddr = "E2E_RECORDER_ADDR"
	recorderFile = "E2E_RECORDER_FILE"
	recorderMood = "E2E_RECORDER_MOOD"
)

// mood is how a recorder behaves. The zero value: well.
type mood struct {
	refuses int           // percent it answers 500 and does not apply
	hangs   int           // percent it never answers, and applies half of them, late
	late    time.Duration // by how much
}

func (m mood) String() string { return fmt.Sprintf("%d %d %d", m.refuses, m.hangs, m.late) }

func parseMood(s string) (m mood) {
	if _, err := fmt.Sscanf(s, "%d %d %d", &m.refuses, &m.hangs, &m.late); err != nil {
		return mood{}
	}
	return m
}

// What a recorder did with a request.
const (
	applied = "applied"
	refused = "refused"
	hung    = "hung"
)

// receipt is a line of a recorder's file.
type receipt struct {
	what     string
	sequence uint64 // Tutti-Sequence
	key      string // Idempotency-Key
	order    string // X-Order
	body     string
}

func (r *receipt) String() string {
	return fmt.Sprintf("%s\t%d\t%s\t%s\t%s\n", r.what, r.sequence, r.key, r.order, r.body)
}

func parseReceipt(line string) (r receipt, err error) {
	parts := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 5)
	if len(parts) != 5 {
		return r, fmt.Errorf("cannot read the line %q", line)
	}
	r = receipt{what: parts[0], key: parts[2], order: parts[3], body: parts[4]}
	r.sequence, err = strconv.ParseUint(parts[1], 10, 64)
	return r, err
}

// recording is the server in the recorder's process.
type recording struct {
	mood mood

	mu   sync.Mutex
	file *os.File
}

func record(addr, file, mood string) int {
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
	r := &recording{mood: parseMood(mood), file: f}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(r.serve)}
	fmt.Fprintln(os.Stderr, server.Serve(ln))
	return 1
}

func (r *recording) serve(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	got := receipt{what: applied, key: q.Header.Get("Idempotency-Key"), order: q.Header.Get("X-Order"), body: string(body)}
	got.sequence, _ = strconv.ParseUint(q.Header.Get("Tutti-Sequence"), 10, 64)
	switch n := rand.IntN(100); {
	case q.Method == http.MethodGet:
	case n < r.mood.refuses:
		got.what = refused
	case n < r.mood.refuses+r.mood.hangs:
		got.what = hung
	}
	if !r.note(&got) || got.what == refused {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if got.what == hung {
		<-time.After(r.mood.late)
		if got.what = applied; rand.IntN(2) == 0 {
			r.note(&got)
		}
		<-q.Context().Done()
		return
	}
	w.WriteHeader(http.StatusCreated)
}

func (r *recording) note(got *receipt) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.file.WriteString(got.String())
	return err == nil
}

// recorder is a backend in a process of its own.
type recorder struct {
	addr, file string
	mood       mood
	process    *harness.Process
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	return newMoodyRecorder(t, mood{})
}

func newMoodyRecorder(t *testing.T, m mood) *recorder {
	t.Helper()
	r := &recorder{addr: harness.FreeAddr(t), file: t.TempDir() + "/writes", mood: m}
	r.start(t)
	return r
}

func (r *recorder) start(t *testing.T) {
	t.Helper()
	self := harness.Binary{Path: os.Args[0]}
	r.process = self.Spawn(t, []string{recorderAddr + "=" + r.addr, recorderFile + "=" + r.file, recorderMood + "=" + r.mood.String()})
	harness.Eventually(t, "the recorder listens", func() bool {
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// recorderFlag is --backend for them all.
func recorderFlag(recorders []*recorder) string {
	addrs := make([]string, len(recorders))
	for i, r := range recorders {
		addrs[i] = r.addr
	}
	return "--backend=" + strings.Join(addrs, ",")
}

// receipts calls f with what the recorder received, in order.
func (r *recorder) receipts(t *testing.T, f func(*receipt)) {
	t.Helper()
	file, err := os.Open(r.file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		got, err := parseReceipt(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		f(&got)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// seen is how often each body was applied.
func (r *recorder) seen(t *testing.T) map[string]int {
	t.Helper()
	seen := make(map[string]int)
	r.receipts(t, func(got *receipt) {
		if got.what == applied {
			seen[got.body]++
		}
	})
	return seen
}
