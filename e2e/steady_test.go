package e2e

import (
	"sync/atomic"
	"testing"

	"tutti/e2e/harness"
)

// hammer sends n requests over clients connections and fails the test unless each is answered
// with that status.
func hammer(t *testing.T, addr, request string, clients int, n int64, status int) {
	t.Helper()
	var sent atomic.Int64
	crowd(clients, func(int) {
		c, err := harness.TryDial(t, addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for sent.Add(1) <= n {
			err := c.TrySend(request)
			if err != nil {
				t.Error(err)
				return
			}
			a, err := c.TryAnswer("GET")
			if err != nil || a.Status != status {
				t.Errorf("got %v %+v", err, a)
				return
			}
		}
	})
}

func TestSteadyLoadLeavesNothingBehind(t *testing.T) {
	p := start(t, "--demo-backends=3", "--demo-flaky=0")
	n := int64(6000)
	if raced {
		n = 1500
	}
	goroutines := func() float64 { return p.Metrics().Must(t, "go_goroutines") }
	round := func() {
		hammer(t, p.Listen, get("/login"), 64, n, 200)
		hammer(t, p.Listen, register("same"), 64, n, 201)
		harness.Eventually(t, "the clients are gone", func() bool {
			return p.Metrics().Must(t, "tutti_client_connections") == 0
		})
	}
	round()
	routines, memory, files := goroutines(), p.RSS(), p.Descriptors()
	for range 2 {
		round()
	}
	// Connections to the backends stay open for a while, and a demo backend has goroutines.
	harness.Eventually(t, "no more goroutines than after the first round", func() bool { return goroutines() <= routines+70 })
	grown := p.RSS() - memory
	t.Logf("memory %+d KiB, goroutines %+.0f, descriptors %+d", grown>>10, goroutines()-routines, p.Descriptors()-files)
	if !raced && grown > 40<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	m := p.Metrics()
	if m.Must(t, "tutti_writes_pending") != 0 || m.Must(t, "tutti_writes_pending_bytes") != 0 {
		t.Error("writes are pending after the load")
	}
}

func TestThousandsOfIdleClientsCostLittle(t *testing.T) {
	if raced {
		t.Skip("memory is not measured under the race detector")
	}
	const clients = 4000
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	before := p.RSS()
	conns := make([]*harness.Conn, clients)
	for i := range conns {
		conns[i] = harness.Dial(t, p.Listen)
		wantStatus(t, conns[i].Do("GET", get("/login")), 200)
	}
	if n := p.Metrics().Must(t, "tutti_client_connections"); n != clients {
		t.Errorf("%v client connections", n)
	}
	grown := p.RSS() - before
	t.Logf("%d idle clients: %d MB", clients, grown/1_000_000)
	if grown > clients*30_000 {
		t.Errorf("%d idle clients cost %d MB", clients, grown/1_000_000)
	}
	for _, c := range conns {
		c.Close()
	}
	harness.Eventually(t, "they are gone", func() bool { return p.Metrics().Must(t, "tutti_client_connections") == 0 })
}
