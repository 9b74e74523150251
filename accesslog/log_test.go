package accesslog

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that should be soon.
const patience = 10 * time.Second

// told is a log that can be read while it is written.
type told struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *told) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *told) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func started(t *testing.T, path string) (*Log, *told) {
	t.Helper()
	to := new(told)
	l, err := Open(Options{Path: path, Log: slog.New(slog.NewTextHandler(to, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return l, to
}

func content(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// until waits for a condition.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !f(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func TestALineIsInTheFileSoon(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	l, _ := started(t, file)
	for _, line := range []string{"one\n", "two\n"} {
		before := content(t, file)
		l.Add([]byte(line))
		until(t, line, func() bool { return content(t, file) == before+line })
	}
	l.Add([]byte("three\n"))
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if got := content(t, file); got != "one\ntwo\nthree\n" {
		t.Errorf("after Close: %q", got)
	}
	l.Add([]byte("four\n"))
	if l.Dropped() != 1 {
		t.Errorf("a line after the end: %d dropped", l.Dropped())
	}
	if err := l.Reopen(); err == nil {
		t.Error("reopened after the end")
	}
}

func TestAnExistingFileIsAppendedTo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(file, []byte("old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, _ := started(t, file)
	l.Add([]byte("new\n"))
	_ = l.Close()
	if got := content(t, file); got != "old\nnew\n" {
		t.Errorf("%q", got)
	}
}

func TestAFileThatCanNotBeOpenedIsSaid(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                                "without a file",
		dir:                               "is a directory",
		filepath.Join(dir, "no", "where"): "no such file or directory",
		pipe:                              "nobody reads the pipe",
	} {
		l, err := Open(Options{Path: path})
		if err == nil {
			_ = l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
}

// TestNoLineIsLostWhenTheFileIsMoved is logrotate's move and signal, again and again under load.
func TestNoLineIsLostWhenTheFileIsMoved(t *testing.T) {
	const writers, each, moves = 4, 20_000, 20
	dir := t.TempDir()
	file := filepath.Join(dir, "access.log")
	l, _ := started(t, file)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				l.Add(fmt.Appendf(nil, "%d %d\n", w, i))
			}
		})
	}
	for i := range moves {
		if err := os.Rename(file, fmt.Sprintf("%s.%d", file, i)); err != nil {
			t.Fatal(err)
		}
		if err := l.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if err := l.Close(); err != nil || l.Dropped() != 0 {
		t.Fatalf("%v, %d dropped", err, l.Dropped())
	}
	next := make([]int, writers)
	for i := range moves + 1 {
		name := file
		if i < moves {
			name = fmt.Sprintf("%s.%d", file, i)
		}
		for line := range strings.Lines(content(t, name)) {
			var w, n int
			if _, err := fmt.Sscanf(line, "%d %d\n", &w, &n); err != nil || n != next[w] {
				t.Fatalf("%s: %q, want %d", name, line, next[w])
			}
			next[w]++
		}
	}
	for w, n := range next {
		if n != each {
			t.Errorf("writer %d: %d of %d lines", w, n, each)
		}
	}
}

func TestTheOldFileStaysWhenTheNewOneCanNotBeOpened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, _ := started(t, filepath.Join(dir, "access.log"))
	if err := os.Rename(dir, dir+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil {
		t.Error("no error")
	}
	l.Add([]byte("line\n"))
	_ = l.Close()
	if got := content(t, filepath.Join(dir+".1", "access.log")); got != "line\n" {
		t.Errorf("%q", got)
	}
}

func TestAFullDiskDropsLinesAndSaysSo(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip(err)
	}
	l, said := started(t, "/dev/full")
	l.Add([]byte("one\n"))
	l.Add([]byte("two\n"))
	until(t, "two lines dropped", func() bool { return l.Dropped() == 2 })
	until(t, "a warning", func() bool { return strings.Contains(said.String(), "lines dropped") })
	l.Add([]byte("three\n"))
	until(t, "three lines dropped", func() bool { return l.Dropped() == 3 })
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(said.String(), "\n"); n != 1 {
		t.Errorf("warned %d times:\n%s", n, said)
	}
}

// TestAReaderThatStopsHoldsNobodyUp: a pipe nobody reads any more.
func TestAReaderThatStopsHoldsNobodyUp(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	l, said := started(t, pipe)
	line := []byte(strings.Repeat("x", 1023) + "\n")
	const lines = 2 * maxBlocks * blockSize >> 10
	start := time.Now()
	for range lines {
		l.Add(line)
	}
	if took := time.Since(start); took > patience {
		t.Errorf("%d lines took %v", lines, took)
	}
	if n := l.Dropped(); n < lines/3 || n > lines*2/3 {
		t.Errorf("%d of %d lines dropped", n, lines)
	}
	until(t, "a warning", func() bool { return strings.Contains(said.String(), "lines dropped") })
	if err := l.Reopen(); err == nil {
		t.Error("reopened although nothing can be written")
	}
	start = time.Now()
	if err := l.Close(); err == nil || time.Since(start) > closeTime+patience {
		t.Errorf("closing: %v after %v", err, time.Since(start))
	}
}
