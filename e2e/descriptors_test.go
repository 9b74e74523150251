package e2e

import (
	"fmt"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"tutti/e2e/harness"
)

// allow sets how many descriptors the program may have.
func allow(t *testing.T, p *harness.Process, n int) {
	t.Helper()
	tool := needed(t, "prlimit")
	out, err := exec.CommandContext(t.Context(), tool, "--pid", strconv.Itoa(p.PID), fmt.Sprintf("--nofile=%d:", n)).CombinedOutput()
	if err != nil {
		t.Fatalf("prlimit: %v: %s", err, out)
	}
}

// While descriptors are short, who is connected is answered, in one way or another, and who
// comes waits. When they are back, everybody is served.
func TestServiceIsBackWhenDescriptorsAre(t *testing.T) {
	t.Parallel()
	b := harness.Backends(t, 2, harness.By(map[string]harness.Script{"POST": harness.Says(201, "ok")}, harness.Says(200, "ok")))
	p := start(t, harness.BackendFlag(b...), "--retry-base=10ms", "--retry-jitter=0", "--retry-max-backoff=100ms", "--ack-timeout=1s")
	before := p.Descriptors()
	stop := make(chan struct{})
	var rounds, refused atomic.Int64
	loaded := background(32, func(i int) {
		c, err := harness.TryDial(t, p.Listen)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		request := get("/login")
		if i%4 == 0 {
			request = register("x")
		}
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := c.TrySend(request); err != nil {
				t.Errorf("cannot send: %v", err)
				return
			}
			a, err := c.TryAnswer("GET")
			if err != nil {
				t.Errorf("no answer: %v", err)
				return
			}
			switch a.Status {
			case 200, 201, 202:
			case 502, 503, 504: // no descriptor for a connection to a backend
				refused.Add(1)
			default:
				t.Errorf("got %s", a.Raw)
			}
			rounds.Add(1)
		}
	})
	end := sync.OnceFunc(func() { close(stop); loaded() })
	defer end()
	advance := func(what string, of *atomic.Int64) {
		t.Helper()
		seen := of.Load()
		harness.Eventually(t, what, func() bool { return of.Load() > seen+300 || t.Failed() })
	}
	advance("the load goes on", &rounds)
	allow(t, p, before+8) // fewer than are open
	for _, b := range b {
		b.Cut() // they have to be dialled anew, and all of them can't
	}
	advance("there are no descriptors", &refused)
	newcomers := background(60, func(int) {
		if a, err := harness.TryOnce(t, p.Listen, get("/login")); err != nil || a.Status/100 != 2 && a.Status/100 != 5 {
			t.Errorf("a newcomer got %v %+v", err, a)
		}
	})
	advance("the load goes on without descriptors", &rounds)
	allow(t, p, 4096)
	newcomers()
	end()
	t.Logf("%d requests, %d of them refused", rounds.Load(), refused.Load())
	harness.Eventually(t, "reads and writes are served", func() bool {
		r, w := harness.Once(t, p.Listen, get("/login")), harness.Once(t, p.Listen, register("y"))
		return r.Status == 200 && w.Status == 201
	})
	harness.Eventually(t, "nothing is owed", func() bool { return p.Metrics().Must(t, "tutti_writes_pending") == 0 })
}
