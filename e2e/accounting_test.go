package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// dice is a seeded source that goroutines share.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newDice(t *testing.T) *dice {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return &dice{r: rand.New(rand.NewPCG(seed, 1))}
}

func (d *dice) n(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

// moody fails half of what it is sent, in every way there is.
func moody(d *dice) harness.Script {
	faults := []harness.Script{
		harness.Says(500, "no"), harness.Says(404, "no"), harness.Says(429, "no", "Retry-After: 1"),
		harness.Resets, harness.Closes, harness.Hangs,
		harness.After(20*time.Millisecond, harness.Says(201, "slow")),
		harness.BytesThenClose("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nshort"),
		harness.BytesThenClose("HTTP/1.1 201 Created\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
		harness.BytesThenClose("nonsense\r\n\r\n"),
		harness.BytesThenClose(harness.Plain(201, "and closes")),
		func(c *harness.Call) { c.Close() }, // without reading the body
		harness.Bytes(harness.Plain(201, "ok") + harness.Plain(200, "unasked")),
		harness.Bytes("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + harness.Plain(201, "ok")),
		harness.Bytes("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
	}
	return func(c *harness.Call) {
		if d.n(2) == 0 {
			harness.Says(201, "ok")(c)
			return
		}
		faults[d.n(len(faults))](c)
	}
}

// balanced is the sum of the writes over one scrape.
func balanced(m harness.Metrics) error {
	accepted, settled := m["tutti_writes_accepted_total"], m["tutti_writes_settled_total"]
	pending, parked := m["tutti_writes_pending"], m["tutti_writes_parked"]
	if accepted != settled+pending+parked {
		return fmt.Errorf("accepted %v is not settled %v + pending %v + parked %v", accepted, settled, pending, parked)
	}
	return nil
}

func TestAcceptedIsSettledAndPendingAndParkedAtEveryScrape(t *testing.T) {
	t.Parallel()
	const clients, each = 12, 60
	d := newDice(t)
	backends := harness.Backends(t, 3, moody(d))
	p := start(t, harness.BackendFlag(backends...), "--retry-base=2ms", "--retry-jitter=2ms",
		"--retry-max-backoff=30ms", "--retry-attempts=4", "--ack-timeout=60ms", "--backend-timeout=100ms",
		"--eject-for=20ms", "--idempotency-window=1s")
	var answered atomic.Int64
	var running atomic.Bool
	running.Store(true)
	wait := background(clients, func(i int) { sendMoody(t, p, d, i, each, &answered) })
	scraped := background(1, func(int) { scrapeAll(t, p, &running) })
	// Backends that die and come back, too.
	for range 6 {
		b := backends[d.n(3)]
		n := answered.Load()
		b.Stop()
		harness.Eventually(t, "some more answers", func() bool {
			return answered.Load() > n+20 || answered.Load() == clients*each || t.Failed()
		})
		b.Start()
	}
	wait()
	running.Store(false)
	scraped()
	heal(t, p, backends, clients*each)
	m := p.Metrics()
	if err := balanced(m); err != nil {
		t.Error(err)
	}
	wantEveryWrite(t, backends, clients, each)
}

func sendMoody(t *testing.T, p *harness.Process, d *dice, i, each int, answered *atomic.Int64) {
	for n := range each {
		request := post("/register", fmt.Sprintf("w-%d-%d", i, n))
		c, err := harness.TryDial(t, p.Listen)
		if err == nil {
			err = c.TrySend(request)
		}
		if err != nil {
			t.Error(err)
			return
		}
		if d.n(8) > 0 {
			a, err := c.TryAnswer("POST")
			if err != nil {
				t.Errorf("a client got %v", err)
				return
			}
			switch a.Status {
			case 201, 202, 502, 404:
			default:
				t.Errorf("a client got %s%s", a.Raw, a.Body)
			}
		}
		c.Close()
		answered.Add(1)
	}
}

func scrapeAll(t *testing.T, p *harness.Process, running *atomic.Bool) {
	scrapes := 0
	for running.Load() {
		m, err := p.Scrape()
		if err == nil {
			err = balanced(m)
		}
		if err != nil {
			t.Error(err)
			return
		}
		scrapes++
	}
	t.Logf("%d scrapes", scrapes)
}

// heal makes every backend answer, has everything parked retried, and waits until so many
// writes were accepted and all are settled.
func heal(t *testing.T, p *harness.Process, backends []*harness.Backend, writes float64) {
	t.Helper()
	for _, b := range backends {
		b.Script(harness.Says(201, "ok"))
	}
	t.Cleanup(func() { explain(t, p) })
	harness.Eventually(t, "everything settles", func() bool {
		for _, w := range p.Writes("state=parked&limit=1000") {
			// One that was taken up meanwhile refuses: it is not parked any more.
			p.Change("POST", "/-/writes/"+w.ID+"/retry")
		}
		m := p.Metrics()
		if err := balanced(m); err != nil {
			t.Fatal(err)
		}
		return m["tutti_writes_accepted_total"] == writes && m["tutti_writes_settled_total"] == writes
	})
}

// explain logs what is not settled when a test has failed and the program still runs.
func explain(t *testing.T, p *harness.Process) {
	t.Helper()
	if !t.Failed() || p.Ended() {
		return
	}
	m := p.Metrics()
	for series, v := range m {
		if v != 0 && strings.HasPrefix(series, "tutti_") && !strings.Contains(series, "_bucket{") {
			t.Logf("%s %v", series, v)
		}
	}
	for _, w := range p.Writes("limit=20") {
		t.Logf("%+v", w)
	}
}

// wantEveryWrite allows for what all three refused: unanimously rejected writes reach nobody a
// second time, but each was sent whole at least once.
func wantEveryWrite(t *testing.T, backends []*harness.Backend, clients, each int) {
	t.Helper()
	for k, b := range backends {
		seen := make(map[string]bool)
		for _, call := range b.Whole() {
			seen[call.Body()] = true
		}
		for i := range clients {
			for n := range each {
				if w := fmt.Sprintf("w-%d-%d", i, n); !seen[w] {
					t.Errorf("backend %d never got %s", k+1, w)
				}
			}
		}
	}
}
