package e2e

import (
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

func TestNeverMoreThanMaxConnsToABackend(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, func(c *harness.Call) {
		if n := c.Backend().Open(); n > 4 {
			t.Errorf("%d connections are open", n)
		}
		harness.Says(201, "ok")(c)
	})
	p := start(t, harness.BackendFlag(b), "--max-conns=4", "--queue-timeout=1h")
	crowd(40, func(i int) {
		request := get("/login")
		if i%2 == 0 {
			request = register("x")
		}
		for range 10 {
			if a, err := harness.TryOnce(t, p.Listen, request); err != nil || a.Status != 201 {
				t.Errorf("got %v %+v", err, a)
			}
		}
	})
}

func TestAnIdleConnectionToABackendIsClosed(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b), "--idle-conn-timeout=200ms")
	for _, request := range []string{get("/login"), register("x")} {
		wantStatus(t, harness.Once(t, p.Listen, request), 201)
		harness.Eventually(t, "the idle connection is closed", func() bool { return b.Open() == 0 })
	}
	wantStatus(t, harness.Once(t, p.Listen, get("/login")), 201)
}

func TestAWritesPageIsForgottenAfterItsWindow(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.InTurn(harness.Hangs, harness.Says(201, "ok")))
	p := start(t, harness.BackendFlag(b), "--idempotency-window=300ms", "--ack-timeout=100ms",
		"--backend-timeout=300ms", "--retry-base=1ms")
	a := harness.Once(t, p.Listen, register("x"))
	wantStatus(t, a, 202)
	harness.Eventually(t, "the page is gone", func() bool {
		return harness.Once(t, p.Listen, get(a.Get("Location"))).Status == 404
	})
	m := p.Metrics()
	if m.Must(t, "tutti_writes_settled_total") != 1 || m.Must(t, "tutti_writes_pending_bytes") != 0 {
		t.Errorf("settled %v, bytes %v", m["tutti_writes_settled_total"], m["tutti_writes_pending_bytes"])
	}
}

func TestAClientThatDoesNotTakeItsAnswerIsCut(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	b := harness.NewBackend(t, func(c *harness.Call) {
		err := c.Write("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
		for n := 0; n < size && err == nil; n += block {
			err = c.Write(strings.Repeat("x", block))
		}
	})
	p := start(t, harness.BackendFlag(b), "--client-timeout=2s")
	c := harness.Dial(t, p.Listen)
	c.Send(get("/login"))
	wantStatus(t, c.Head("GET"), 200)
	harness.Eventually(t, "both sides are cut", func() bool {
		return b.Open() == 0 && p.Metrics().Must(t, "tutti_client_connections") == 0
	})
	if n, err := io.Copy(io.Discard, c.Conn); n >= size {
		t.Errorf("read %d bytes after all: %v", n, err)
	}
	if up := p.Metrics().Must(t, "tutti_backend_up", "backend", b.Addr); up != 1 {
		t.Error("a slow client took the backend down")
	}
}

func TestLogsAreLinesOfJSON(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b), "--log-format=json", "--log-level=debug")
	wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for line := range strings.Lines(p.Stderr()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestWithoutAnAdminListenerItServes(t *testing.T) {
	harness.PlainOnly(t)
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	listen := harness.FreeAddr(t)
	program.Spawn(t, nil, "--listen="+listen, "--admin-listen=", harness.BackendFlag(b))
	harness.Eventually(t, "it serves", func() bool {
		a, err := harness.TryOnce(t, listen, get("/login"))
		return err == nil && a.Status == 200
	})
}

func TestIPv6WorksOnBothSides(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	backend := ln.Addr().String()
	_ = ln.Close()
	p := program.Spawn(t, nil, "--listen=", "--admin-listen=", "--demo-backends=1", "--demo-listen="+backend)
	harness.Eventually(t, "the backend listens", func() bool {
		if p.Ended() {
			t.Fatal(p.Stderr())
		}
		_, err := harness.TryOnce(t, backend, get("/"))
		return err == nil
	})
	front := program.StartEnv(t, nil, "--backend="+backend)
	a := harness.Once(t, front.Listen, register("x"))
	wantStatus(t, a, 201)
	m := front.Metrics()
	if m.Must(t, "target_domain_success_counter_total", "domain", backend) != 1 {
		t.Error("the success is not counted under the backend's address")
	}
}

func TestABackendsNameIsResolvedInBothFamilies(t *testing.T) {
	harness.PlainOnly(t)
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, "--backend=localhost"+b.Addr[strings.LastIndexByte(b.Addr, ':'):])
	for range 5 {
		wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
	}
}

func TestASchemeBeforeABackendIsTheSameBackend(t *testing.T) {
	harness.PlainOnly(t)
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, "--backend=http://"+b.Addr)
	wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
	p.Metrics().Must(t, "tutti_backend_up", "backend", b.Addr)
}

func TestAStreamTimeoutOfZeroNeverCuts(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	b := harness.NewBackend(t, func(c *harness.Call) {
		_ = c.Write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
		<-gate
		_ = c.Write("67890")
	})
	p := start(t, harness.BackendFlag(b), "--stream-timeout=0", "--backend-timeout=2s")
	c := harness.Dial(t, p.Listen)
	c.Send(get("/login"))
	a := c.Head("GET")
	c.ReadString(5)
	// Other requests live and die meanwhile.
	hang := harness.NewBackend(t, harness.Hangs)
	other := start(t, harness.BackendFlag(hang), "--backend-timeout=3s")
	wantStatus(t, harness.Once(t, other.Listen, get("/login")), 504)
	close(gate)
	if got := c.ReadString(5); got != "67890" || a.Status != 200 {
		t.Errorf("got %q", got)
	}
}
