package e2e

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tutti/e2e/harness"
)

func TestSIGTERMUnderLoadCutsNoRequestThatHadBegun(t *testing.T) {
	t.Parallel()
	reply := harness.By(map[string]harness.Script{"POST": harness.After(3*time.Millisecond, harness.Says(201, "ok"))},
		harness.After(2*time.Millisecond, harness.Says(200, "ok")))
	backends := harness.Backends(t, 3, reply)
	p := start(t, harness.BackendFlag(backends...))
	var reads, writes atomic.Int64
	wait := background(24, func(i int) {
		if i%2 == 0 {
			loadUntilRefused(t, p.Listen, register("x"), &writes)
		} else {
			loadUntilRefused(t, p.Listen, get("/login"), &reads)
		}
	})
	harness.Eventually(t, "the load runs", func() bool { return reads.Load() > 300 && writes.Load() > 300 || t.Failed() })
	p.Signal(syscall.SIGTERM)
	wait()
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	// Whatever reached a backend was answered to its client.
	var readsThere int64
	for i, b := range backends {
		var writesThere int64
		for _, call := range b.Calls() {
			if call.Method == "POST" {
				writesThere++
			} else {
				readsThere++
			}
		}
		if writesThere != writes.Load() {
			t.Errorf("backend %d got %d writes, %d were answered", i+1, writesThere, writes.Load())
		}
	}
	if readsThere != reads.Load() {
		t.Errorf("the backends got %d reads, %d were answered", readsThere, reads.Load())
	}
}

// loadUntilRefused sends requests one after the other, dials again after Connection: close, and
// ends when the dial is refused. A new connection may end without an answer: the kernel had
// completed it and nobody accepted it. One on which a request was answered must not.
func loadUntilRefused(t *testing.T, addr, request string, answered *atomic.Int64) {
	method, _, _ := strings.Cut(request, " ")
	for {
		c, err := harness.TryDial(t, addr)
		if err != nil {
			return
		}
		for first := true; ; first = false {
			err := c.TrySend(request)
			var a *harness.Answer
			if err == nil {
				a, err = c.TryAnswer(method)
			}
			if err != nil && first && (a == nil || a.Raw == "") {
				break
			}
			if err != nil || a.Status >= 300 || a.Body != "ok" {
				t.Errorf("after %d answers in all: %v, %+v", answered.Load(), err, a)
				return
			}
			answered.Add(1)
			if a.Closes() {
				if _, err := c.TryAnswer(method); !errors.Is(err, io.EOF) {
					t.Errorf("after Connection: close: %v", err)
				}
				break
			}
		}
		c.Close()
	}
}

func TestWhileItDrainsWhatRunsEndsAndNothingNewIsAccepted(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	b := harness.NewBackend(t, harness.When(gate, harness.By(
		map[string]harness.Script{"PUT": harness.Says(201, "written")}, harness.Says(200, "read"),
	)))
	p := start(t, harness.BackendFlag(b))
	read, write, upload, silent := harness.Dial(t, p.Listen), harness.Dial(t, p.Listen), harness.Dial(t, p.Listen), harness.Dial(t, p.Listen)
	read.Send(get("/login"))
	write.Send(harness.Request("PUT", "/register", "x"))
	upload.Send("POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n")
	b.WaitCall(3)
	p.Signal(syscall.SIGTERM)
	harness.Eventually(t, "new connections are refused", func() bool {
		c, err := harness.TryDial(t, p.Listen)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	silent.WantClosed()
	upload.Send("5\r\n67890\r\n0\r\n\r\n")
	close(gate)
	for method, c := range map[string]*harness.Conn{"GET": read, "PUT": write, "POST": upload} {
		a := c.Answer(method)
		if a.Status >= 300 || !a.Closes() {
			t.Errorf("%s: got %s", method, a.Raw)
		}
		c.WantClosed()
	}
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestShutdownDelaySaysNotReadyAndServesOn(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b), "--shutdown-delay=4s")
	p.Signal(syscall.SIGTERM)
	harness.Eventually(t, "not ready", func() bool { return p.Get("/-/ready").Status == 503 })
	if r := p.Get("/-/healthy"); r.Status != 200 {
		t.Errorf("/-/healthy answers %d during the delay", r.Status)
	}
	wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestASecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Hangs)
	p := start(t, harness.BackendFlag(b), "--shutdown-timeout=1h")
	c := harness.Dial(t, p.Listen)
	c.Send(get("/login"))
	b.WaitCall(1)
	p.Signal(syscall.SIGTERM)
	harness.Eventually(t, "the drain has begun", func() bool {
		other, err := harness.TryDial(t, p.Listen)
		if err == nil {
			other.Close()
		}
		return err != nil
	})
	if p.Ended() {
		t.Fatal("it did not wait for a request")
	}
	p.Signal(syscall.SIGINT)
	p.Wait()
}

func TestShutdownTimeoutEndsTheDrainAndWhoStillWaitsIsToldSo(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, func(c *harness.Call) { c.WaitGone() })
	p := start(t, harness.BackendFlag(b), "--shutdown-timeout=1s", "--max-conns=3", "--queue-timeout=1h")
	var clients []*harness.Conn
	for i, request := range []string{
		get("/login"), post("/login", "x"),
		"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhalf",
		get("/login?no-connection-is-free-for-this"),
	} {
		c := harness.Dial(t, p.Listen)
		c.Send(request)
		if i < 3 {
			b.WaitCall(i + 1)
		}
		clients = append(clients, c)
	}
	harness.Eventually(t, "one waits for a connection", func() bool {
		return p.Metrics().Must(t, "tutti_requests_in_flight", "route", "balance") == 4
	})
	p.Signal(syscall.SIGTERM)
	for _, c := range clients {
		a := c.Answer("GET")
		wantStatus(t, a, 503)
		if a.Get("Retry-After") == "" || !a.Closes() {
			t.Errorf("got %s", a.Raw)
		}
		wantProblem(t, a, 503, "destination_unavailable", b.Addr)
		c.WantClosed()
	}
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestShutdownTimeoutEndsAConnectingThatHangs(t *testing.T) {
	t.Parallel()
	addr := deafListener(t)
	p := start(t, "--backend="+addr, "--dial-timeout=1h", "--shutdown-timeout=200ms")
	c := harness.Dial(t, p.Listen)
	c.Send(get("/login"))
	harness.Eventually(t, "it is being connected", func() bool {
		return p.Metrics().Must(t, "tutti_requests_in_flight", "route", "balance") == 1
	})
	p.Signal(syscall.SIGTERM)
	wantProblem(t, c.Answer("GET"), 503, "destination_unavailable", addr)
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestWritesOwedAtTheEndAreNamedAndTheExitCodeIsOne(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(backends...), "--ack=one", "--shutdown-timeout=300ms")
	backends[1].Stop()
	for range 3 {
		wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
	}
	var ids []string
	for _, w := range p.Writes("state=pending") {
		ids = append(ids, w.ID)
	}
	if len(ids) != 3 {
		t.Fatalf("%d writes are pending", len(ids))
	}
	if code := p.Stop(); code != 1 {
		t.Errorf("exit code %d after abandoning writes", code)
	}
	for _, id := range ids {
		named := false
		for line := range strings.Lines(p.Stderr()) {
			named = named || (strings.Contains(line, id) && strings.Contains(line, backends[1].Addr))
		}
		if !named {
			t.Errorf("no line names write %s and its backend", id)
		}
	}
	if strings.Contains(p.Stderr(), "example") {
		t.Error("the log shows a write's body")
	}
}

func TestAWriteStillWaitingAtTheDrainsEndIsAnswered502(t *testing.T) {
	t.Parallel()
	good, down := harness.NewBackend(t, harness.Says(201, "ok")), harness.NewBackend(t, harness.Says(500, "no"))
	p := start(t, harness.BackendFlag(good, down), "--shutdown-timeout=300ms", "--retry-base=10ms")
	c := harness.Dial(t, p.Listen)
	c.Send(register("x"))
	down.WaitCall(2)
	p.Signal(syscall.SIGTERM)
	a := c.Answer("POST")
	wantStatus(t, a, 502)
	if w, err := harness.ParseWrite(a.Body); err != nil || w.ID == "" || len(w.Backends) != 2 {
		t.Errorf("the 502 says %v %s", err, a.Body)
	}
	if code := p.Wait(); code != 1 {
		t.Errorf("exit code %d after abandoning a write", code)
	}
}

func TestADrainDeliversWhatIsOwedFirst(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(backends...), "--ack=one", "--retry-base=10ms", "--retry-max-backoff=50ms")
	backends[1].Stop()
	for range 5 {
		wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
	}
	p.Signal(syscall.SIGTERM)
	harness.Eventually(t, "the drain has begun", func() bool {
		c, err := harness.TryDial(t, p.Listen)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	backends[1].Start()
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n := backends[1].Count(); n != 5 {
		t.Errorf("%d of 5 owed writes arrived", n)
	}
}

func TestSignalsForLogsNeverStopIt(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGHUP} {
		p.Signal(sig)
		for range 20 {
			wantStatus(t, c.Do("GET", get("/login")), 200)
		}
	}
	if p.Ended() {
		t.Error("it stopped")
	}
}

func TestADrainWaitsForTunnels(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, echoes)
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	c.Send(upgrade("/login"))
	wantStatus(t, c.Answer("GET"), 101)
	c.ReadString(5)
	p.Signal(syscall.SIGTERM)
	harness.Eventually(t, "the drain has begun", func() bool {
		other, err := harness.TryDial(t, p.Listen)
		if err == nil {
			other.Close()
		}
		return err != nil
	})
	c.Send("still")
	if got := c.ReadString(7); got != "<still>" {
		t.Errorf("got %q", got)
	}
	c.Send("close")
	c.WantClosed()
	c.Close() // its own half, as every client does
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestSIGINTStopsLikeSIGTERM(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo-backends=1")
	idle := harness.Dial(t, p.Listen)
	wantStatus(t, idle.Do("GET", get("/login")), 200)
	p.Signal(syscall.SIGINT)
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
