package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"tutti/e2e/harness"
)

func TestAKeyRepeatedAtOnceIsOneWriteWithOneAnswer(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	gate := make(chan struct{})
	backends := harness.Backends(t, 3, func(c *harness.Call) {
		if c.ReadBody() == nil {
			<-gate
			_ = c.Write(harness.Plain(201, fmt.Sprint("answer ", n.Add(1)), "X-A: b", "Date: Mon, 01 Jan 2024 00:00:00 GMT"))
		}
	})
	p := start(t, harness.BackendFlag(backends...))
	q := post("/register", "x", `Idempotency-Key: "k"`)
	var bodies [100]string
	wait := background(len(bodies), func(i int) {
		a, err := harness.TryOnce(t, p.Listen, q)
		if err != nil || a.Status != 201 {
			t.Errorf("%v %+v", err, a)
			return
		}
		bodies[i] = a.Raw + a.Body
	})
	harness.Eventually(t, "all are being served", func() bool {
		return p.Metrics().Must(t, "tutti_requests_in_flight", "route", "fanout") == float64(len(bodies))
	})
	wantProblem(t, harness.Once(t, p.Listen, post("/register", "y", `Idempotency-Key: "k"`)), 422, "http_request_denied")
	close(gate)
	wait()
	again := harness.Dial(t, p.Listen)
	a := again.Do("POST", q)
	for _, b := range bodies {
		if b != bodies[0] || b != a.Raw+a.Body {
			t.Errorf("%q, %q and afterwards %q", b, bodies[0], a.Raw+a.Body)
		}
	}
	wantProblem(t, again.Do("POST", post("/register", "y", `Idempotency-Key: "k"`)), 422, "http_request_denied")
	other := again.Do("POST", post("/register", "x", `Idempotency-Key: "k"`, "Authorization: Basic eA=="))
	if wantStatus(t, other, 201); other.Body == a.Body {
		t.Error("somebody else got the answer")
	}
	for i, b := range backends {
		if got := b.Count(); got != 2 {
			t.Errorf("backend %d got %d requests, not 2", i, got)
		}
	}
	m := p.Metrics()
	if got := m.Must(t, "tutti_writes_accepted_total"); got != 2 {
		t.Errorf("%v writes", got)
	}
	if got := m.Must(t, "tutti_refused_writes_total", "reason", "key_reused"); got != 2 {
		t.Errorf("%v were refused", got)
	}
	if m.Must(t, "tutti_writes_pending_bytes") == 0 {
		t.Error("the kept answers do not count")
	}
}

func TestAWritePreferredAsyncIs202AndItsRepeatTellsWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	b := harness.NewBackend(t, func(c *harness.Call) {
		if c.ReadBody() == nil {
			<-gate
			_ = c.Write(harness.Plain(201, "done"))
		}
	})
	p := start(t, harness.BackendFlag(b), "--idempotency-window=5s")
	c := harness.Dial(t, p.Listen)
	const key = "Idempotency-Key: k"
	first := c.Do("POST", post("/register", "x", key, "Prefer: respond-async"))
	if wantStatus(t, first, 202); first.Get("Preference-Applied") != "respond-async" {
		t.Errorf("Preference-Applied: %q", first.Get("Preference-Applied"))
	}
	page := first.Get("Location")
	second := c.Do("POST", post("/register", "x", key))
	if wantStatus(t, second, 202); second.Get("Location") != page || !strings.Contains(second.Body, `"state":"pending"`) {
		t.Errorf("the repeat: %s%s", second.Raw, second.Body)
	}
	close(gate)
	third := c.Do("POST", post("/register", "x", key, "Prefer: wait=20"))
	if wantStatus(t, third, 201); third.Body != "done" || third.Get("Preference-Applied") != "wait=20" {
		t.Errorf("the repeat that waits: %s%s", third.Raw, third.Body)
	}
	id := strings.TrimPrefix(page, "/-/writes/")
	if w := p.WritePage(id); w.State != "settled" {
		t.Errorf("the page says %+v", w)
	}
	if n := b.Count(); n != 1 {
		t.Errorf("the backend got %d requests", n)
	}
	harness.Eventually(t, "the page goes with the answer", func() bool {
		return harness.Once(t, p.Listen, get(page)).Status == 404
	})
	wantStatus(t, c.Do("POST", post("/register", "another", key)), 201)
	wantStatus(t, c.Do("POST", post("/register", "x", key, "idempotency-key: l")), 400)
}
