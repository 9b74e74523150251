package e2e

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// flood sends so many writes, one after the other on each of some connections, each with an
// ordering key of its own, and returns how many there were in a second. Every one has to be
// answered 201.
func flood(t *testing.T, addr, name string, connections, writes int) (rate float64) {
	t.Helper()
	var next atomic.Int64
	begun := time.Now()
	crowd(connections, func(i int) {
		c, err := harness.TryDial(t, addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for n := next.Add(1); n <= int64(writes); n = next.Add(1) {
			if err := c.TrySend(floodWrite(name, i, n)); err != nil {
				t.Error(err)
				return
			}
			if a, err := c.TryAnswer("POST"); err != nil || a.Status != 201 {
				t.Errorf("a client got %v %+v", err, a)
				return
			}
		}
	})
	return float64(writes) / time.Since(begun).Seconds()
}

// floodWrite is about 500 bytes where it is kept.
func floodWrite(name string, i int, n int64) string {
	return post("/register", fmt.Sprintf("%s %d %d %0200d", name, i, n, 0), fmt.Sprintf("X-Order: %s-%d", name, i))
}

// wantFlood fails the test unless a backend applied the writes of every flood, those of each
// connection in the order they were sent; repeats do not count.
func wantFlood(t *testing.T, r *recorder, floods map[string]int) {
	t.Helper()
	last := make(map[string]int64)
	counts := make(map[string]int)
	reordered := 0
	r.receipts(t, func(got *receipt) {
		var name string
		var i int
		var n int64
		if _, err := fmt.Sscan(got.body, &name, &i, &n); err != nil || got.what != applied {
			return
		}
		// Each connection's numbers grow, so what was not seen before is larger.
		if n > last[got.order] {
			last[got.order] = n
			counts[name]++
		} else {
			reordered++
		}
	})
	for name, want := range floods {
		if counts[name] != want {
			t.Errorf("%s has %d writes of %q in order, not %d; %d are repeats or out of it", r.addr, counts[name], name, want, reordered)
		}
	}
}

// diskUsage is what the files under dir take on disk, as du says.
func diskUsage(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir // a directory that was just removed
		}
		if info, err := d.Info(); err == nil {
			if s, ok := info.Sys().(*syscall.Stat_t); ok {
				bytes += s.Blocks * 512
			}
		}
		return nil
	})
	return bytes
}

func megabytes(bytes int64) string { return fmt.Sprintf("%d MB", bytes/1_000_000) }

// alone runs beside other tests, unless it measures.
func alone(t *testing.T) (measures bool) {
	t.Helper()
	if short(0, 1) == 1 && !raced {
		return true
	}
	t.Parallel()
	return false
}

func TestABacklogWaitsOnDiskAndIsCaughtUpInOrder(t *testing.T) {
	measures := alone(t)
	writes, connections := short(20_000, 1_000_000), 64
	if raced {
		writes = 2000 // each takes ten times as long
	}
	r := []*recorder{newRecorder(t), newRecorder(t), newRecorder(t)}
	dir := t.TempDir() + "/journal"
	flags := []string{
		recorderFlag(r), "--journal=" + dir, "--ack=quorum", "--order-by=header:X-Order",
		"--retry-base=50ms", "--retry-max-backoff=500ms", "--retry-jitter=20ms", "--retry-attempts=0",
	}
	p := start(t, flags...)
	allUp := flood(t, p.Listen, "up", connections, writes/10)
	r[2].process.Kill()
	oneDown := flood(t, p.Listen, "down", connections, writes)
	accepting := p.PeakRSS()
	if owed := p.Metrics().Must(t, "tutti_owed_writes", "backend", r[2].addr); owed < float64(writes) {
		t.Errorf("%v of %d writes are owed", owed, writes)
	}
	p.Kill()
	begun := time.Now()
	p = start(t, flags...)
	ready := time.Since(begun)
	m := p.Metrics()
	if owed := m.Must(t, "tutti_owed_writes", "backend", r[2].addr); owed < float64(writes) {
		t.Errorf("%v of %d writes are owed after the restart", owed, writes)
	}
	if err := balanced(m); err != nil {
		t.Error(err)
	}
	full := diskUsage(dir)
	begun = time.Now()
	r[2].start(t)
	meanwhile := catchUp(t, p, r[2])
	took := time.Since(begun)
	var left int64
	harness.EventuallyWithin(t, time.Minute, "the space is given back", func() bool {
		left = diskUsage(dir)
		return left < 200_000_000
	})
	t.Logf("%d writes owed: %.0f writes/s, %.0f with all backends up (%.0f %%); resident at most %s while they were accepted, %s later; "+
		"ready %v after kill -9; caught up in %v beside %d writes; on disk %s, then %s",
		writes, oneDown, allUp, 100*oneDown/allUp, megabytes(accepting), megabytes(p.PeakRSS()), ready.Round(time.Millisecond),
		took.Round(time.Millisecond), meanwhile, megabytes(full), megabytes(left))
	if !raced && max(accepting, p.PeakRSS()) > 300_000_000 {
		t.Errorf("%s resident", megabytes(max(accepting, p.PeakRSS())))
	}
	if measures && (oneDown < 0.9*allUp || ready > 3*time.Second) {
		t.Errorf("one backend down is %.0f %% of all up; ready after %v", 100*oneDown/allUp, ready)
	}
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, r := range r {
		wantFlood(t, r, map[string]int{"up": writes / 10, "down": writes, "meanwhile": meanwhile})
	}
}

// catchUp reads and writes until a backend is owed nothing, and returns how many were written.
func catchUp(t *testing.T, p *harness.Process, r *recorder) (writes int) {
	t.Helper()
	var over atomic.Bool
	wait := background(2, func(i int) {
		c, err := harness.TryDial(t, p.Listen)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for n := int64(1); !over.Load(); n++ {
			request := get("/login")
			if i == 0 {
				writes++
				request = floodWrite("meanwhile", 0, n)
			}
			if err := c.TrySend(request); err != nil {
				t.Error(err)
				return
			}
			method, _, _ := strings.Cut(request, " ")
			if a, err := c.TryAnswer(method); err != nil || a.Status != 201 {
				t.Errorf("a client got %v %+v", err, a)
				return
			}
		}
	})
	harness.EventuallyWithin(t, 30*harness.Limit, "the backend has almost caught up", func() bool {
		return p.Metrics().Must(t, "tutti_owed_writes", "backend", r.addr) < 100
	})
	over.Store(true)
	wait()
	harness.Eventually(t, "it has caught up", func() bool { return p.Metrics().Must(t, "tutti_writes_pending") == 0 })
	return writes
}
