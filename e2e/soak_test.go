package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// latencies are measured times.
type latencies struct {
	mu  sync.Mutex
	all []time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, d)
}

func (l *latencies) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == 0 {
		return "none"
	}
	slices.Sort(l.all)
	at := func(q float64) time.Duration { return l.all[int(q*float64(len(l.all)-1))] }
	return fmt.Sprintf("%d requests, p50 %v, p99 %v, max %v", len(l.all), at(0.5), at(0.99), at(1))
}

// every sends 200 requests per second for d, each on a goroutine of its own so that a slow
// answer delays no other.
func every(t *testing.T, d time.Duration, addr, request string, status int, l *latencies) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	end := time.NewTimer(d)
	defer end.Stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case <-end.C:
			return
		case <-ticker.C:
		}
		wg.Go(func() {
			began := time.Now()
			a, err := harness.TryOnce(t, addr, request)
			if err != nil || a.Status != status {
				t.Errorf("got %v %+v", err, a)
				return
			}
			l.add(time.Since(began))
		})
	}
}

func TestSoakOneHungBackendHurtsNeitherWritesNorReads(t *testing.T) {
	d := soak(t)
	hung := harness.By(map[string]harness.Script{"POST": harness.Hangs}, harness.Says(200, "read"))
	fine := harness.By(map[string]harness.Script{"POST": harness.Says(201, "ok")}, harness.Says(200, "read"))
	p := start(t, harness.BackendFlag(harness.NewBackend(t, hung), harness.NewBackend(t, fine), harness.NewBackend(t, fine)), "--ack=one")
	var writes, reads latencies
	var wg sync.WaitGroup
	wg.Go(func() { every(t, d, p.Listen, register("x"), 201, &writes) })
	wg.Go(func() { every(t, d, p.Listen, get("/login"), 200, &reads) })
	wg.Wait()
	t.Logf("writes: %v", &writes)
	t.Logf("reads:  %v", &reads)
	t.Logf("peak resident memory %d MB, %v writes owed", p.PeakRSS()/1_000_000, p.Metrics()["tutti_writes_pending"])
}

var wrkErrors = regexp.MustCompile(`Socket errors:.*|Non-2xx.*`)

// wrk runs wrk and fails the test if it saw an error; signal, if not nil, runs meanwhile.
func wrk(t *testing.T, d time.Duration, addr, path, script string, meanwhile func()) string {
	t.Helper()
	tool, err := exec.LookPath("wrk")
	if err != nil {
		t.Skip("no wrk here")
	}
	args := []string{"-t2", "-c64", fmt.Sprintf("-d%.0fs", d.Seconds()), "--latency"}
	if script != "" {
		file := filepath.Join(t.TempDir(), "wrk.lua")
		if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-s", file)
	}
	cmd := exec.CommandContext(t.Context(), tool, append(args, "http://"+addr+path)...)
	var out harness.Output
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if meanwhile != nil {
		meanwhile()
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("wrk: %v\n%s", err, out.String())
	}
	return out.String()
}

const wrkWrite = `wrk.method = "POST"
wrk.body = "username=schef&password=example"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
`

func TestSoakSteadyLoadDoesNotGrow(t *testing.T) {
	d := soak(t)
	for path, script := range map[string]string{"/login": "", "/register": wrkWrite} {
		t.Run(strings.TrimPrefix(path, "/"), func(t *testing.T) {
			// Scripted servers in another process: the demo's own memory is not measured.
			r := []*recorder{newRecorder(t), newRecorder(t), newRecorder(t)}
			p := start(t, "--backend="+r[0].addr+","+r[1].addr+","+r[2].addr)
			var early, late [2]float64
			out := wrk(t, d, p.Listen, path, script, func() {
				early = sampleAt(t, p, 5*time.Second)
				late = sampleAt(t, p, d-7*time.Second)
			})
			t.Logf("%s", out)
			if found := wrkErrors.FindString(out); found != "" {
				t.Errorf("wrk: %s", found)
			}
			t.Logf("5th second: %.0f goroutines, %.0f MB; near the end: %.0f, %.0f MB", early[0], early[1], late[0], late[1])
			if late[0] > early[0]+10 || late[1] > early[1]*1.3+10 {
				t.Error("it grows")
			}
		})
	}
}

// sampleAt waits d and returns the goroutines and the resident megabytes.
func sampleAt(t *testing.T, p *harness.Process, d time.Duration) [2]float64 {
	t.Helper()
	<-time.After(d)
	return [2]float64{p.Metrics().Must(t, "go_goroutines"), float64(p.RSS()) / 1e6}
}

var wrkRequests = regexp.MustCompile(`(\d+) requests in`)

func TestSoakSIGTERMUnderWrk(t *testing.T) {
	soak(t)
	r := []*recorder{newRecorder(t), newRecorder(t), newRecorder(t)}
	p := start(t, "--backend="+r[0].addr+","+r[1].addr+","+r[2].addr)
	out := wrk(t, 8*time.Second, p.Listen, "/login", "", func() {
		<-time.After(4 * time.Second)
		p.Signal(syscall.SIGTERM)
		if code := p.Wait(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Logf("%s", out)
	// wrk dials again after Connection: close and counts what is refused or was never accepted as
	// write and read errors. What reached a backend and was not answered would be a cut request.
	reached := 0
	for _, r := range r {
		for _, n := range r.seen(t) {
			reached += n
		}
	}
	found := wrkRequests.FindStringSubmatch(out)
	if found == nil || found[1] != strconv.Itoa(reached) {
		t.Errorf("%d requests reached the backends, wrk says %q", reached, found)
	}
}

func TestSoakRandomFaults(t *testing.T) {
	soak(t)
	for i := range 5 {
		t.Run(fmt.Sprint(i), TestAcceptedIsSettledAndPendingAndParkedAtEveryScrape)
	}
}
