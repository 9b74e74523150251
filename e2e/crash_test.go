package e2e

import (
	"fmt"
	"sync/atomic"
	"testing"

	"tutti/e2e/harness"
)

func TestABackendKilledUnderWritesHasThemAllWhenItReturns(t *testing.T) {
	t.Parallel()
	const clients, each = 8, 60
	recorders := []*recorder{newRecorder(t), newRecorder(t), newRecorder(t)}
	p := start(t, "--ack=one", "--retry-base=20ms", "--retry-max-backoff=200ms", "--retry-jitter=5ms",
		"--backend="+recorders[0].addr, "--backend="+recorders[1].addr, "--backend="+recorders[2].addr)
	var sent atomic.Int64
	written := background(clients, func(i int) {
		c, err := harness.TryDial(t, p.Listen)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for n := range each {
			if err := c.TrySend(post("/register", fmt.Sprintf("user-%d-%d", i, n))); err != nil {
				t.Error(err)
				return
			}
			a, err := c.TryAnswer("POST")
			if err != nil || a.Status != 201 {
				t.Errorf("a client got %v %+v", err, a)
				return
			}
			sent.Add(1)
		}
	})
	harness.Eventually(t, "a third is written", func() bool { return sent.Load() > clients*each/3 })
	recorders[2].process.Kill()
	written()
	m := p.Metrics()
	if owed := m.Must(t, "tutti_owed_writes", "backend", recorders[2].addr); owed == 0 {
		t.Error("nothing is owed to a backend that was killed")
	}
	recorders[2].start(t)
	harness.Eventually(t, "nothing is pending", func() bool {
		return p.Metrics().Must(t, "tutti_writes_pending") == 0
	})
	for i, r := range recorders {
		seen := r.seen(t)
		for c := range clients {
			for n := range each {
				if seen[fmt.Sprintf("user-%d-%d", c, n)] == 0 {
					t.Errorf("backend %d never got write %d of client %d", i+1, n, c)
				}
			}
		}
	}
	m = p.Metrics()
	if got := m.Must(t, "tutti_writes_settled_total"); got != clients*each {
		t.Errorf("settled %v of %d writes", got, clients*each)
	}
}
