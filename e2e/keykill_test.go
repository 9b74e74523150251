package e2e

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"tutti/e2e/harness"
)

// keyed is three backends that drop repeats of an Idempotency-Key and answer each request
// differently.
type keyed struct {
	t         *testing.T
	backends  []*harness.Backend
	answering atomic.Int64 // so many of them; the others leave Tutti waiting
	answers   atomic.Int64

	mu      sync.Mutex
	applied []map[string]string // by the key and whose it is: Tutti-Sequence
	repeats int
}

func newKeyed(t *testing.T) *keyed {
	t.Helper()
	k := &keyed{t: t}
	for i := range 3 {
		k.applied = append(k.applied, make(map[string]string))
		k.backends = append(k.backends, harness.NewBackend(t, k.script(i)))
	}
	k.answering.Store(3)
	return k
}

func (k *keyed) script(i int) harness.Script {
	return func(c *harness.Call) {
		if c.ReadBody() != nil {
			return
		}
		k.apply(i, c.Get("Authorization")+" "+c.Get("Idempotency-Key"), c.Get("Tutti-Sequence"))
		if int64(i) >= k.answering.Load() {
			c.WaitGone()
			return
		}
		body := fmt.Sprintf("answer %d of backend %d", k.answers.Add(1), i+1)
		_ = c.Write(harness.Plain(201, body, "X-Answer: "+body, "Date: Mon, 01 Jan 2024 00:00:00 GMT"))
	}
}

func (k *keyed) apply(i int, key, sequence string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, again := k.applied[i][key]
	if again {
		k.repeats++
		if before != sequence {
			k.t.Errorf("backend %d got %s with Tutti-Sequence %s and %s: two writes", i+1, key, before, sequence)
		}
	}
	k.applied[i][key] = sequence
}

// at is how many backends have applied the key.
func (k *keyed) at(key string) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.applied {
		if _, ok := a[key]; ok {
			n++
		}
	}
	return n
}

// told are the answers clients got under a key.
type told struct {
	mu  sync.Mutex
	all map[string]int
	n   atomic.Int64
}

func (a *told) add(answer string) {
	a.mu.Lock()
	a.all[answer]++
	a.mu.Unlock()
	a.n.Add(1)
}

// repeat sends the same request from 100 clients at once. must: all have to be answered.
func (k *keyed) repeat(p *harness.Process, request string, got *told, must bool) (wait func()) {
	return background(100, func(int) {
		a, err := harness.TryOnce(k.t, p.Listen, request)
		switch {
		case err == nil && a.Status == 201:
			got.add(a.Raw + a.Body)
		case err == nil:
			k.t.Errorf("a client got %s%s", a.Raw, a.Body)
		case must:
			k.t.Errorf("a client got %v", err)
		}
	})
}

// killIn has the program killed in a moment of the write's life, while 100 clients send it.
func (k *keyed) killIn(t *testing.T, p *harness.Process, moment int, key, request string, got *told) {
	before := k.answers.Load()
	k.answering.Store([]int64{0, 1, 3, 3, 2}[moment])
	wait := k.repeat(p, request, got, false)
	harness.Eventually(t, "the moment to kill", func() bool {
		switch moment {
		case 0: // delivered, and no backend has answered
			return k.at(key) == 3
		case 1, 2: // one has answered; the last one has just answered
			return k.answers.Load() >= before+k.answering.Load()
		case 3: // a client has just been told
			return got.n.Load() > 0
		default: // all have it, two have answered
			return k.at(key) == 3 && k.answers.Load() >= before+2
		}
	})
	p.Kill()
	k.answering.Store(3)
	wait()
}

func TestAKeyRepeatedAcrossKillsIsAppliedOnceAndAnsweredTheSame(t *testing.T) {
	t.Parallel()
	k := newKeyed(t)
	flags := []string{
		harness.BackendFlag(k.backends...), "--journal=" + t.TempDir() + "/journal", "--retry-base=10ms",
		"--retry-max-backoff=100ms", "--retry-jitter=5ms",
	}
	answers := make(map[string]string) // by request
	keys, kills, between := short(5, 60), 0, 0
	for n := range keys {
		key := fmt.Sprintf(`"key-%d"`, n)
		request := post("/register", fmt.Sprint("body ", n), "Idempotency-Key: "+key)
		got := &told{all: make(map[string]int)}
		k.killIn(t, start(t, flags...), n%5, " "+key, request, got)
		if kills++; got.n.Load() == 0 {
			between++
		}
		p := start(t, flags...)
		wait := k.repeat(p, request, got, n%2 == 0)
		if n%2 == 1 { // once more, while they repeat it
			harness.Eventually(t, "some are answered", func() bool { return got.n.Load() > 20 })
			p.Kill()
			kills++
		}
		wait()
		if n%2 == 1 {
			p = start(t, flags...)
			k.repeat(p, request, got, true)()
		}
		other := harness.Once(t, p.Listen, post("/register", fmt.Sprint("body ", n), "Idempotency-Key: "+key, "Authorization: Basic eA=="))
		wantStatus(t, other, 201)
		if len(got.all) != 1 || got.all[other.Raw+other.Body] > 0 {
			t.Errorf("under key %s clients were told %v, another one %q", key, got.all, other.Body)
		}
		for answer := range got.all {
			answers[request] = answer
		}
		p.Kill()
		kills++
	}
	p := start(t, flags...)
	for request, want := range answers {
		if a := harness.Once(t, p.Listen, request); a.Raw+a.Body != want {
			t.Errorf("afterwards %s%s is told, not %s", a.Raw, a.Body, want)
		}
		wantProblem(t, harness.Once(t, p.Listen, request[:len(request)-1]+"!"), 422, "http_request_denied")
	}
	harness.Eventually(t, "everything settles", func() bool { return p.Metrics().Must(t, "tutti_writes_pending") == 0 })
	for i, a := range k.applied {
		if len(a) != 2*keys {
			t.Errorf("backend %d applied %d writes, not %d", i+1, len(a), 2*keys)
		}
	}
	t.Logf("%d keys, 100 clients each, %d kills, %d of them after the delivery and before any answer; %d repeats reached a backend",
		keys, kills, between, k.repeats)
	if between == 0 {
		t.Error("that is no test")
	}
}
