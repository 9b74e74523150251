package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"tutti/e2e/harness"
)

// smallDisk is a directory on a file system of its own of so many bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	mount := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d,mode=0700", size), "tutti-e2e", dir)
	if out, err := mount.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("cannot mount a tmpfs, and in CI it has to be possible: %v: %s", err, out)
		}
		t.Skipf("a tmpfs can only be mounted by root: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("cannot unmount %s: %v: %s", dir, err, out)
		}
	})
	return dir
}

// fill writes to a new file until the disk is full.
func fill(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for p := make([]byte, 1<<20); len(p) > 0; {
		if _, err := f.Write(p); err != nil {
			p = p[:len(p)/2]
		}
	}
}

func TestAFullDiskIs503AndNothingIsLost(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 160<<20)
	k := &killing{dir: disk + "/journal", dice: newDice(t), fates: make(map[string]fate), longest: killMaxSize}
	k.recorders = []*recorder{newRecorder(t), newRecorder(t), newRecorder(t)}
	p := start(t, k.flags("all")...)
	t.Cleanup(func() { explain(t, p) })
	over := make(chan struct{})
	wait := background(8, func(i int) {
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			default:
				k.write(t, p, fmt.Sprintf("w-%d-%d", i, n))
			}
		}
	})
	for range short(2, 10) {
		k.until(t, p, "more are accepted", &k.accepted, 100)
		fill(t, disk+"/other")
		k.until(t, p, "more are refused", &k.full, 100)
		if err := os.Remove(disk + "/other"); err != nil {
			t.Error(err)
		}
	}
	k.until(t, p, "more are accepted", &k.accepted, 100)
	close(over)
	wait()
	m := p.Metrics()
	if err := balanced(m); err != nil {
		t.Error(err)
	}
	t.Logf("%v were refused for lack of room, %v for the journal's failing", m.Must(t, "tutti_refused_writes_total", "reason", "journal_full"),
		m.Must(t, "tutti_refused_writes_total", "reason", "journal"))
	p.Kill()
	k.settle(t)
	k.judge(t)
}

// until waits for so many more.
func (k *killing) until(t *testing.T, p *harness.Process, what string, count *atomic.Int64, more int64) {
	t.Helper()
	want := count.Load() + more
	harness.EventuallyWithin(t, 3*harness.Limit, what, func() bool {
		if p.Ended() {
			t.Fatalf("the program ended by itself:\n%s", p.Stderr())
		}
		return count.Load() >= want
	})
}
