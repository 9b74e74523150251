package e2e

import (
	"strings"
	"testing"

	"tutti/e2e/harness"
)

const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"

func upgrade(target string, fields ...string) string {
	return get(target, append(fields, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k")...)
}

// echoes accepts an upgrade, says hello in the same write, and repeats what it is told.
func echoes(c *harness.Call) {
	c.Close()
	if !strings.EqualFold(c.Get("Upgrade"), "websocket") || !strings.Contains(strings.ToLower(c.Get("Connection")), "upgrade") {
		harness.Says(400, "no upgrade")(c)
		return
	}
	_ = c.Write(switching + "hello")
	for {
		s, err := c.ReadRaw(5)
		if err != nil || s == "close" {
			return
		}
		if c.Write("<"+s+">") != nil {
			return
		}
	}
}

func TestATunnelKeepsTheFirstFramesOfBothSides(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, echoes)
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	c.Send(upgrade("/login") + "first")
	a := c.Answer("GET")
	if a.Status != 101 || a.Get("Sec-WebSocket-Accept") != "x" || !strings.EqualFold(a.Get("Upgrade"), "websocket") ||
		!strings.Contains(strings.ToLower(a.Get("Connection")), "upgrade") {
		t.Fatalf("got %s", a.Raw)
	}
	if got := c.ReadString(12); got != "hello<first>" {
		t.Errorf("got %q", got)
	}
	c.Send("again")
	if got := c.ReadString(7); got != "<again>" {
		t.Errorf("got %q", got)
	}
	big := strings.Repeat("12345", 40000)
	go func() { _ = c.TrySend(big) }()
	if got := c.ReadString(40000 * 7); got != strings.Repeat("<12345>", 40000) {
		t.Error("a large exchange changed")
	}
	c.Send("close")
	c.WantClosed()
}

func TestATunnelsEndPassesOn(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, echoes)
	p := start(t, harness.BackendFlag(b))
	for how, depart := range leave {
		c := harness.Dial(t, p.Listen)
		c.Send(upgrade("/login"))
		wantStatus(t, c.Answer("GET"), 101)
		c.ReadString(5)
		if b.Open() != 1 {
			t.Errorf("%s: %d connections to the backend", how, b.Open())
		}
		depart(c)
		harness.Eventually(t, how+" reaches the backend", func() bool { return b.Open() == 0 })
	}
}

func TestWhatFollowsAHalfClosedTunnelStillComes(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, func(c *harness.Call) {
		_ = c.Write(switching)
		c.WaitGone() // until FIN
		_ = c.Write("the rest")
	})
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	c.Send(upgrade("/login"))
	wantStatus(t, c.Answer("GET"), 101)
	c.CloseWrite()
	if rest, _ := c.Rest(); rest != "the rest" {
		t.Errorf("got %q", rest)
	}
}

func TestARefusedUpgradeIsAnOrdinaryAnswer(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(403, "no"))
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	for range 2 {
		if a := c.Do("GET", upgrade("/login")); a.Status != 403 || a.Body != "no" {
			t.Errorf("got %s%s", a.Raw, a.Body)
		}
	}
}

func TestAnUpgradeToHTTP2IsNotForwarded(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	for i, protocol := range []string{"h2c", "H2C", "websocket, h2c"} {
		request := get("/login", "Connection: Upgrade, HTTP2-Settings", "Upgrade: "+protocol, "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
		wantStatus(t, harness.Once(t, p.Listen, request), 200)
		call := b.WaitCall(i + 1)
		if strings.Contains(strings.ToLower(call.Get("Upgrade")), "h2c") || call.Has("HTTP2-Settings") {
			t.Errorf("%s reached the backend: %s", protocol, call.Raw)
		}
	}
}

func TestAnUpgradeWithoutConnectionIsDropped(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(b))
	wantStatus(t, harness.Once(t, p.Listen, get("/login", "Upgrade: websocket")), 200)
	if call := b.WaitCall(1); call.Has("Upgrade") || call.Has("Connection") {
		t.Errorf("got %s", call.Raw)
	}
}

func TestAWriteIsNeverUpgraded(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(backends...))
	wantStatus(t, harness.Once(t, p.Listen, post("/register", "x", "Connection: Upgrade", "Upgrade: websocket")), 201)
	for _, b := range backends {
		if call := b.WaitCall(1); call.Has("Upgrade") {
			t.Errorf("got %s", call.Raw)
		}
	}
}

func TestTunnelsCountAgainstMaxConns(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, echoes)
	p := start(t, harness.BackendFlag(b), "--max-conns=2", "--queue-timeout=100ms")
	for range 2 {
		c := harness.Dial(t, p.Listen)
		c.Send(upgrade("/login"))
		wantStatus(t, c.Answer("GET"), 101)
	}
	wantProblem(t, harness.Once(t, p.Listen, get("/login")), 503, "connection_limit_reached")
}

func TestAnIdleTunnelEndsAtStreamTimeout(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, echoes)
	p := start(t, harness.BackendFlag(b), "--stream-timeout=2s")
	c := harness.Dial(t, p.Listen)
	c.Send(upgrade("/login"))
	wantStatus(t, c.Answer("GET"), 101)
	c.ReadString(5)
	c.WantClosed()
	harness.Eventually(t, "the backend's side ends, too", func() bool { return b.Open() == 0 })
}
