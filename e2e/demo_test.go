package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

func TestTheDemoAnswersAsItsReadmeSays(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo-backends=3", "--retry-base=50ms")
	c := harness.Dial(t, p.Listen)
	a := c.Do("GET", get("/login"))
	wantStatus(t, a, 200)
	if !regexp.MustCompile(`^logged in on server[123]\s*$`).MatchString(a.Body) {
		t.Errorf("/login says %q", a.Body)
	}
	a = c.Do("POST", register("schef"))
	wantStatus(t, a, 201)
	if strings.TrimSpace(a.Body) != "registered on server1" {
		t.Errorf("/register says %q", a.Body)
	}
	a = c.Do("POST", post("/changePassword", "username=schef&password=other",
		"Content-Type: application/x-www-form-urlencoded"))
	wantStatus(t, a, 201)
	if strings.TrimSpace(a.Body) != "password changed on server1" {
		t.Errorf("/changePassword says %q", a.Body)
	}
	wantStatus(t, c.Do("GET", get("/")), 200)
}

// demoState is a demo backend's /state.
type demoState struct {
	Server string `json:"server"`
	Writes int    `json:"writes"`
	Users  int    `json:"users"`
	Digest string `json:"digest"`
}

func stateOf(t *testing.T, port int) demoState {
	t.Helper()
	a := harness.Once(t, harness.LocalAddr(port), get("/state", "Connection: close"))
	wantStatus(t, a, 200)
	var s demoState
	if err := json.Unmarshal([]byte(a.Body), &s); err != nil {
		t.Fatalf("cannot read /state %q: %v", a.Body, err)
	}
	return s
}

func TestReplicasAgreeAfterTwoThousandConcurrentWritesWithAFlakyOne(t *testing.T) {
	const users = 2000
	port := harness.Ports(t, 3)
	// With the cap of 64 s one write in 4,096 would meet so many failures in a row that it waits
	// longer than --ack-timeout.
	p := start(t, "--demo-backends=3", "--demo-listen="+harness.LocalAddr(port), "--demo-flaky=1",
		"--demo-fail-rate=0.5", "--retry-base=10ms", "--retry-max-backoff=200ms", "--ack-timeout=10m")
	crowd(users, func(i int) {
		a, err := harness.TryOnce(t, p.Listen, register(fmt.Sprintf("user%d", i)))
		if err != nil || a.Status != 201 {
			t.Errorf("write %d: %v, %+v", i, err, a)
		}
	})
	first := stateOf(t, port)
	if first.Writes != users || first.Users != users || first.Digest == "" {
		t.Errorf("server1 has %+v, not %d writes of %d users", first, users, users)
	}
	for i := 1; i < 3; i++ {
		s := stateOf(t, port+i)
		if s.Digest != first.Digest || s.Writes != first.Writes || s.Users != first.Users {
			t.Errorf("server%d has %+v, server1 %+v", i+1, s, first)
		}
	}
	m := p.Metrics()
	flaky := harness.LocalAddr(port + 2)
	if m.Must(t, "tutti_retries_total", "backend", flaky) == 0 {
		t.Error("the flaky backend was never tried again")
	}
	if got := m.Must(t, "target_domain_success_counter_total", "domain", flaky); got != users {
		t.Errorf("%v successes counted at the flaky backend", got)
	}
}

func TestDemoBackendsRunWithoutAProxy(t *testing.T) {
	t.Parallel()
	// The original's SKIP_SOME_REQUESTS: true makes all of them flaky, false none.
	for skip, want := range map[string]int{"true": 500, "false": 201} {
		t.Run(skip, func(t *testing.T) {
			port := harness.Ports(t, 2)
			p := program.Spawn(t, []string{"SKIP_SOME_REQUESTS=" + skip}, "--listen=", "--admin-listen=",
				"--demo-backends=2", "--demo-fail-rate=1", "--demo-listen="+harness.LocalAddr(port))
			harness.Eventually(t, "the demo backends listen", func() bool {
				if p.Ended() {
					t.Fatalf("ended: %s", p.Stderr())
				}
				_, err := harness.TryOnce(t, harness.LocalAddr(port+1), get("/", "Connection: close"))
				return err == nil
			})
			for i := range 2 {
				addr := harness.LocalAddr(port + i)
				wantStatus(t, harness.Once(t, addr, register("a")), want)
				a := harness.Once(t, addr, get("/login"))
				wantStatus(t, a, 200)
				if want := fmt.Sprintf("logged in on server%d", i+1); strings.TrimSpace(a.Body) != want {
					t.Errorf("/login says %q, not %q", a.Body, want)
				}
			}
			if code := p.Stop(); code != 0 {
				t.Errorf("stopped with %d", code)
			}
		})
	}
}

func TestADemoBackendDropsRepeatsOfAKey(t *testing.T) {
	t.Parallel()
	port := harness.Ports(t, 1)
	start(t, "--demo-backends=1", "--demo-flaky=0", "--demo-listen="+harness.LocalAddr(port))
	c := harness.Dial(t, harness.LocalAddr(port))
	send := func(key, user string) {
		wantStatus(t, c.Do("POST", post("/register", "username="+user+"&password=p",
			"Content-Type: application/x-www-form-urlencoded", `Idempotency-Key: "`+key+`"`)), 201)
	}
	send("one", "a")
	before := stateOf(t, port)
	send("one", "a")
	if after := stateOf(t, port); after != before {
		t.Errorf("a repeat changed %+v to %+v", before, after)
	}
	send("two", "a")
	if after := stateOf(t, port); after.Digest == before.Digest || after.Writes != before.Writes+1 {
		t.Errorf("a second write changed %+v to %+v", before, after)
	}
}
