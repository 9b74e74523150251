package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// probed is a backend with a health page of its own.
type probed struct {
	*harness.Backend
	sick    atomic.Bool  // its page answers 503
	checks  atomic.Int64 // so far
	at, max atomic.Int64 // checks at the same time: now, and at most
}

// newProbed starts one that answers the rest by a script.
func newProbed(t *testing.T, other harness.Script) *probed {
	t.Helper()
	b := &probed{}
	b.Backend = harness.NewBackend(t, b.over(other))
	return b
}

// over is a script with the health page in front.
func (b *probed) over(other harness.Script) harness.Script {
	return func(c *harness.Call) {
		if c.Target != "/up" {
			other(c)
			return
		}
		b.checks.Add(1)
		for now := b.at.Add(1); ; {
			if most := b.max.Load(); now <= most || b.max.CompareAndSwap(most, now) {
				break
			}
		}
		status := 200
		if b.sick.Load() {
			status = 503
		}
		harness.After(20*time.Millisecond, func(c *harness.Call) {
			b.at.Add(-1) // before the answer: the next may come right behind it
			harness.Says(status, "how it is")(c)
		})(c)
	}
}

func probedBackends(t *testing.T, n int, s harness.Script) []*probed {
	t.Helper()
	all := make([]*probed, n)
	for i := range all {
		all[i] = newProbed(t, s)
	}
	return all
}

// checking starts the program with quick checks.
func checking(t *testing.T, backends []*probed, args ...string) *harness.Process {
	t.Helper()
	plain := make([]*harness.Backend, len(backends))
	for i, b := range backends {
		plain[i] = b.Backend
	}
	return start(t, append([]string{
		harness.BackendFlag(plain...), "--health-path=/up",
		"--health-interval=40ms", "--health-timeout=5s",
	}, args...)...)
}

// reads is how many requests for a page arrived at each, checks left out.
func reads(backends []*probed) []int {
	n := make([]int, len(backends))
	for i, b := range backends {
		for _, c := range b.Calls() {
			if c.Target == "/login" {
				n[i]++
			}
		}
	}
	return n
}

// since is how many reads there were after before.
func since(before []int, backends []*probed) []int {
	now := reads(backends)
	for i := range now {
		now[i] -= before[i]
	}
	return now
}

// state is the word that the status page has for the i-th backend.
func state(t *testing.T, p *harness.Process, i int) string {
	t.Helper()
	var page struct {
		Backends []struct {
			State string `json:"state"`
		} `json:"backends"`
	}
	if err := json.Unmarshal([]byte(p.Get("/-/status").Body), &page); err != nil {
		t.Fatal(err)
	}
	return page.Backends[i].State
}

// becomes waits until the i-th backend is in a state.
func becomes(t *testing.T, p *harness.Process, i int, want string) {
	t.Helper()
	harness.Eventually(t, "a backend is "+want, func() bool { return state(t, p, i) == want })
}

// wantReads sends reads and fails the test unless so many arrive at each backend.
func wantReads(t *testing.T, p *harness.Process, backends []*probed, want ...int) {
	t.Helper()
	before := reads(backends)
	readMany(t, p.Listen, int64(sum(want)), nil)
	if got := since(before, backends); !slices.Equal(got, want) {
		t.Errorf("%v reads arrived, not %v", got, want)
	}
}

func TestAHealthFlipUnderLoadCostsNoClientAnErrorAndStaysFair(t *testing.T) {
	t.Parallel()
	backends := probedBackends(t, 3, harness.Says(200, "ok"))
	p := checking(t, backends)
	wantReads(t, p, backends, 1000, 1000, 1000)

	before := reads(backends)
	readMany(t, p.Listen, 3000, func() {
		backends[1].sick.Store(true)
		becomes(t, p, 1, "unhealthy")
	})
	if got := since(before, backends); got[0]-got[2] > 1 || got[2]-got[0] > 1 {
		t.Errorf("while one left: %v", got)
	}
	wantReads(t, p, backends, 1500, 0, 1500)
	if up := p.Metrics().Must(t, "tutti_backend_up", "backend", backends[1].Addr); up != 0 {
		t.Error("the unhealthy one counts as up")
	}
	if r := p.Get("/-/ready"); r.Status != 200 {
		t.Errorf("/-/ready answers %d while two are live", r.Status)
	}

	before = reads(backends)
	readMany(t, p.Listen, 3000, func() {
		backends[1].sick.Store(false)
		becomes(t, p, 1, "live")
	})
	if got := since(before, backends); got[0]-got[2] > 1 || got[2]-got[0] > 1 || got[1] > got[0] {
		t.Errorf("while one returned: %v", got)
	}
	c := harness.Dial(t, p.Listen)
	harness.Eventually(t, "it takes its whole share", func() bool {
		before := reads(backends)
		for range 30 {
			wantStatus(t, c.Do("GET", get("/login")), 200)
		}
		return since(before, backends)[1] == 10
	})
	wantReads(t, p, backends, 1000, 1000, 1000)
	if up := p.Metrics().Must(t, "tutti_backend_up", "backend", backends[1].Addr); up != 1 {
		t.Error("the healthy one counts as down")
	}
	for msg, want := range map[string]int{
		`msg="backend is down" backend=` + backends[1].Addr + ` why="check: status 503"`: 1,
		`msg="backend is back" backend=` + backends[1].Addr:                              1,
		`no_reads_for=10s`: 0, // nobody was ejected
	} {
		if n := strings.Count(p.Stderr(), msg); n != want {
			t.Errorf("%d times in the log, not %d: %s", n, want, msg)
		}
	}
}

func TestWithEveryBackendUnhealthyReadsAreStillServed(t *testing.T) {
	t.Parallel()
	backends := probedBackends(t, 3, harness.Says(200, "ok"))
	p := checking(t, backends)
	for i, b := range backends {
		b.sick.Store(true)
		becomes(t, p, i, "unhealthy")
	}
	if r := p.Get("/-/ready"); r.Status != 503 {
		t.Errorf("/-/ready answers %d with no live backend", r.Status)
	}
	wantReads(t, p, backends, 100, 100, 100)
	backends[0].sick.Store(false)
	becomes(t, p, 0, "live")
	wantReads(t, p, backends, 100, 0, 0)
}

func TestABackendThatHangsIsTakenOutInTime(t *testing.T) {
	t.Parallel()
	backends := probedBackends(t, 2, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(backends[0].Backend, backends[1].Backend), "--health-path=/up",
		"--health-interval=200ms", "--health-timeout=1s", "--health-fall=3")
	harness.Eventually(t, "a check", func() bool { return backends[1].checks.Load() > 1 })
	backends[1].Script(harness.Hangs)
	harness.EventuallyWithin(t, 15*time.Second, "it is unhealthy, long before it would be by the defaults", func() bool {
		return state(t, p, 1) == "unhealthy"
	})
	wantReads(t, p, backends, 20, 0)
	backends[1].Script(backends[1].over(harness.Says(200, "ok")))
	becomes(t, p, 1, "live")
}

func TestChecksOfOneBackendNeverOverlap(t *testing.T) {
	t.Parallel()
	backends := probedBackends(t, 2, harness.Says(200, "ok"))
	checking(t, backends, "--health-interval=1ms")
	harness.Eventually(t, "many checks", func() bool {
		return backends[0].checks.Load() > 30 && backends[1].checks.Load() > 30
	})
	for _, b := range backends {
		if b.max.Load() != 1 {
			t.Errorf("%d checks of one backend at the same time", b.max.Load())
		}
	}
}

func TestAnUnhealthyBackendTakesNoReadsAndGetsItsWritesLater(t *testing.T) {
	t.Parallel()
	backends := probedBackends(t, 3, harness.By(map[string]harness.Script{
		"GET": harness.Says(200, "ok"),
	}, harness.Says(201, "written")))
	p := checking(t, backends, "--ack=2", "--retry-base=20ms", "--retry-jitter=0s", "--retry-max-backoff=100ms")
	sick := backends[2]
	sick.sick.Store(true)
	becomes(t, p, 2, "unhealthy")
	// While it refuses them, too, one of them is tried at a time and the others spend no attempt.
	sick.Script(sick.over(harness.Says(503, "not now")))
	c := harness.Dial(t, p.Listen)
	const writes = 20
	for range writes {
		wantStatus(t, c.Do("POST", register("a")), 201)
	}
	wantReads(t, p, backends, 50, 50, 0)
	if owed := p.Metrics().Must(t, "tutti_owed_writes", "backend", sick.Addr); owed != writes {
		t.Errorf("%v writes are owed", owed)
	}
	for i, w := range p.Writes("state=pending&limit=100") {
		if d := w.Backends[2]; d.Attempts > 1 && i > 0 {
			t.Errorf("write %d was tried %d times while another is before it", i, d.Attempts)
		}
	}
	sick.Script(sick.over(harness.Says(201, "written")))
	sick.sick.Store(false)
	becomes(t, p, 2, "live")
	harness.Eventually(t, "all is delivered", func() bool {
		return p.Metrics().Must(t, "tutti_owed_writes", "backend", sick.Addr) == 0
	})
	if n := p.Metrics().Must(t, "tutti_writes_settled_total"); n != writes {
		t.Errorf("%v writes are settled", n)
	}
}

func TestAnUnhealthyBackendThatTakesWritesGetsThemNow(t *testing.T) {
	t.Parallel()
	backends := probedBackends(t, 2, harness.By(map[string]harness.Script{
		"GET": harness.Says(200, "ok"),
	}, harness.Says(201, "written")))
	p := checking(t, backends)
	backends[1].sick.Store(true)
	becomes(t, p, 1, "unhealthy")
	crowd(8, func(int) { // --ack=all
		if a, err := harness.TryOnce(t, p.Listen, register("a")); err != nil || a.Status != 201 {
			t.Errorf("got %v %+v", err, a)
		}
	})
	wantReads(t, p, backends, 20, 0)
}

func TestANameThatDoesNotResolveIsABackendThatIsDown(t *testing.T) {
	harness.PlainOnly(t)
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, "--backend=no-such-host.invalid:80,"+b.Addr, "--dial-timeout=500ms",
		"--eject-after=2", "--eject-for=1m", "--health-path=/", "--health-interval=50ms")
	c := harness.Dial(t, p.Listen)
	for range 20 {
		wantStatus(t, c.Do("GET", get("/login")), 200)
	}
	becomes(t, p, 0, "unhealthy")
	becomes(t, p, 1, "live")
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
