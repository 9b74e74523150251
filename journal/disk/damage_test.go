package disk

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tutti/journal"
)

const base = 1_700_000_000_000_000

var abc = []string{"a", "b", "c"}

func entryOf(seq uint64, size int) *journal.Entry {
	body := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte(fmt.Appendf(nil, "%032d", seq))).Read(body)
	return &journal.Entry{Seq: seq, Accepted: int64(seq), Method: []byte("POST"), Target: []byte("/"), Request: body}
}

// wreck is the copy of a journal's directory, as a power cut left it.
type wreck struct {
	t   *testing.T
	dir string
	log bytes.Buffer
}

// wrecked makes a journal of n entries on real files, a batch for each, and the wreck of it while it
// is open. Flushed, the first half of them lies in tables.
func wrecked(t *testing.T, n uint64, flushed bool) *wreck {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "journal")
	j := openAt(t, dir)
	for i := range n {
		if flushed && i == n/2 {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = openAt(t, dir)
		}
		if err := j.Append(entryOf(base+i, 500)); err != nil {
			t.Fatal(err)
		}
	}
	w := (&wreck{dir: dir}).copy(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

// copy is the same wreck again.
func (w *wreck) copy(t *testing.T) *wreck {
	t.Helper()
	c := &wreck{t: t, dir: filepath.Join(t.TempDir(), "wreck")}
	if err := os.CopyFS(c.dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "db"} {
		if err := os.Chmod(filepath.Join(c.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func openAt(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(Options{Dir: dir, Backends: abc})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func (w *wreck) open() (*Journal, error) {
	return Open(Options{Dir: w.dir, Backends: abc, Log: slog.New(slog.NewTextHandler(&w.log, nil))})
}

// holds fails unless it opens and the first n entries are there, and they alone.
func (w *wreck) holds(n uint64) {
	w.t.Helper()
	j, err := w.open()
	if err != nil {
		w.t.Fatalf("it does not open: %v", err)
	}
	defer j.Close()
	s, err := j.State()
	if err != nil {
		w.t.Fatal(err)
	}
	if got := uint64(s.Live.Len()); got != n {
		w.t.Fatalf("it holds %d entries, want %d", got, n)
	}
	var e journal.Entry
	for i := range n {
		if err := j.Read(base+i, &e); err != nil || !bytes.Equal(e.Request, entryOf(base+i, 500).Request) {
			w.t.Fatalf("entry %d: %v", i, err)
		}
	}
	if err := j.Append(entryOf(base+1000, 10)); err != nil {
		w.t.Fatal(err)
	}
}

// refuses fails unless it does not open, and says all of words. It says so again when asked again.
func (w *wreck) refuses(words ...any) {
	w.t.Helper()
	for range 2 {
		j, err := w.open()
		if err == nil {
			s, _ := j.State()
			_ = j.Close()
			w.t.Fatalf("it opens, with %d entries", s.Live.Len())
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), fmt.Sprint(word)) {
				w.t.Fatalf("it says %q, not %v", err, word)
			}
		}
	}
}

// the is the newest file of Pebble's whose name begins or ends so.
func (w *wreck) the(part string) string {
	w.t.Helper()
	pattern := part + "*"
	if part[0] == '.' {
		pattern = "*" + part
	}
	names, err := filepath.Glob(filepath.Join(w.dir, "db", pattern))
	if err != nil || len(names) == 0 {
		w.t.Fatalf("no %s: %v", part, err)
	}
	slices.Sort(names)
	return names[len(names)-1]
}

func (w *wreck) edit(name string, change func([]byte) []byte) {
	w.t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, change(b), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wreck) flip(name string, at int) {
	w.t.Helper()
	w.edit(name, func(b []byte) []byte {
		b[at] ^= 4
		return b
	})
}

func (w *wreck) cut(name string, at int) {
	w.t.Helper()
	w.edit(name, func(b []byte) []byte { return b[:at] })
}

func (w *wreck) remove(name string) {
	w.t.Helper()
	if err := os.Remove(name); err != nil {
		w.t.Fatal(err)
	}
}

// batches are where those of the newest log begin, and where the last ends.
func (w *wreck) batches() (name string, at []int) {
	w.t.Helper()
	name = w.the(".log")
	return name, w.batchesOf(name)
}

func (w *wreck) batchesOf(name string) (at []int) {
	w.t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		w.t.Fatal(err)
	}
	var number uint32
	if _, err := fmt.Sscanf(filepath.Base(name), "%d.log", &number); err != nil {
		w.t.Fatal(err)
	}
	l := &logFile{name: name, number: number, b: b}
	for pos := 0; ; {
		pos = l.next(pos)
		at = append(at, pos)
		_, _, end, bad := l.record(pos)
		if bad >= 0 {
			return at
		}
		pos = end
	}
}

func TestDamagedLogs(t *testing.T) {
	wrecks := map[uint64]*wreck{20: wrecked(t, 20, false), 300: wrecked(t, 300, false)}
	for _, test := range []struct {
		name    string
		entries uint64
		damage  func(w *wreck, log string, at []int)
		holds   int // at least 0: of how many entries it opens with; -1: it refuses, and names the log
	}{
		{"none", 20, func(*wreck, string, []int) {}, 20},
		{"a bit of the first batch", 20, func(w *wreck, log string, at []int) { w.flip(log, at[0]+60) }, -1},
		{"a bit of a batch in the block of the last", 20, func(w *wreck, log string, at []int) { w.flip(log, at[17]+300) }, -1},
		{"a bit of the last batch but one", 20, func(w *wreck, log string, at []int) { w.flip(log, at[18]+300) }, -1},
		{"a bit of the last batch", 20, func(w *wreck, log string, at []int) { w.flip(log, at[19]+300) }, 19},
		{"a bit of a batch blocks before the last", 300, func(w *wreck, log string, at []int) { w.flip(log, at[10]+300) }, -1},
		{"a bit of a checksum", 300, func(w *wreck, log string, at []int) { w.flip(log, at[150]) }, -1},
		{"a bit of a length", 300, func(w *wreck, log string, at []int) { w.flip(log, at[150]+4) }, -1},
		{"a bit of a kind", 300, func(w *wreck, log string, at []int) { w.flip(log, at[150]+6) }, -1},
		{"a bit of a log's number", 300, func(w *wreck, log string, at []int) { w.flip(log, at[150]+7) }, -1},
		{"a batch of zeros", 300, func(w *wreck, log string, at []int) {
			w.edit(log, func(b []byte) []byte { clear(b[at[150]:at[151]]); return b })
		}, -1},
		{"a page of zeros", 300, func(w *wreck, log string, _ []int) {
			w.edit(log, func(b []byte) []byte { clear(b[4096:8192]); return b })
		}, -1},
		{"zeros up to the last batch", 300, func(w *wreck, log string, at []int) {
			w.edit(log, func(b []byte) []byte { clear(b[:at[299]]); return b })
		}, -1},
		{"a batch taken out", 300, func(w *wreck, log string, at []int) {
			w.edit(log, func(b []byte) []byte { return slices.Delete(b, at[20], at[21]) })
		}, -1},
		{"a tail cut within the last batch", 300, func(w *wreck, log string, at []int) { w.cut(log, at[299]+100) }, 299},
		{"a tail cut between batches", 300, func(w *wreck, log string, at []int) { w.cut(log, at[290]) }, 290},
		{"a tail cut within a batch", 300, func(w *wreck, log string, at []int) { w.cut(log, at[290]+1) }, 290},
		{"a tail of zeros", 300, func(w *wreck, log string, at []int) {
			w.edit(log, func(b []byte) []byte { clear(b[at[298]+30:]); return b })
		}, 298},
		{"a tail of noise", 300, func(w *wreck, log string, at []int) {
			w.edit(log, func(b []byte) []byte {
				for i := at[298] + 30; i < len(b); i++ {
					b[i] = byte(i * i)
				}
				return b
			})
		}, 298},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := wrecks[test.entries].copy(t)
			log, at := w.batches()
			if len(at) != int(test.entries)+1 {
				t.Fatalf("%d batches", len(at)-1)
			}
			test.damage(w, log, at)
			if test.holds < 0 {
				w.refuses(log, "offset")
				return
			}
			w.holds(uint64(test.holds))
		})
	}
}
