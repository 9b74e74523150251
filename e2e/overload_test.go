package e2e

import (
	"fmt"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

func TestAFloodOfPipelinedRequestsIsAnsweredWithinItsMemory(t *testing.T) {
	t.Parallel()
	const batches, each = 200, 100
	b := harness.NewBackend(t, harness.Says(200, strings.Repeat("x", 1000)))
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	sent := background(1, func(int) {
		batch := strings.Repeat(get("/login"), each)
		for range batches {
			if err := c.TrySend(batch); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range batches * each {
		a, err := c.TryAnswer("GET")
		if err != nil || a.Status != 200 || len(a.Body) != 1000 {
			t.Fatalf("got %v %+v", err, a)
		}
	}
	sent()
	wantSmall(t, p)
}

func TestAClientThatOnlySendsCostsABoundedAmount(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, strings.Repeat("x", 100_000)))
	p := start(t, harness.BackendFlag(b), "--client-timeout=2s")
	crowd(4, func(int) {
		c, err := harness.TryDial(t, p.Listen)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		batch := strings.Repeat(get("/login"), 1000)
		for c.TrySend(batch) == nil { // until it is cut for not taking its answers
		}
	})
	wantSmall(t, p)
	wantStatus(t, harness.Once(t, p.Listen, get("/login")), 200)
}

func TestABodyInTinyChunksIsOneBody(t *testing.T) {
	t.Parallel()
	const size = 200_000
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	p := start(t, harness.BackendFlag(b))
	body := "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\nx\r\n", size) + "0\r\n\r\n"
	for i, target := range []string{"/login", "/register"} {
		c := harness.Dial(t, p.Listen)
		sent := background(1, func(int) { _ = c.TrySend("POST " + target + " HTTP/1.1\r\nHost: a\r\n" + body) })
		wantStatus(t, c.Answer("POST"), 201)
		sent()
		if got := b.WaitCall(i + 1).Size(); got != size {
			t.Errorf("%s: %d bytes arrived", target, got)
		}
	}
}

func TestRunningOutOfDescriptorsIsSurvived(t *testing.T) {
	harness.PlainOnly(t)
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(200, "ok"))
	shell := harness.Binary{Path: "/bin/sh"}
	listen := harness.FreeAddr(t)
	p := shell.Spawn(t, nil, "-c", fmt.Sprintf("ulimit -n 60 && exec %s --listen=%s --admin-listen= %s",
		program.Path, listen, harness.BackendFlag(b)))
	served := func() bool {
		a, err := harness.TryOnce(t, listen, get("/login"))
		return err == nil && a.Status == 200
	}
	harness.Eventually(t, "it serves", served)
	var crowded []*harness.Conn
	for range 120 { // what is not accepted waits in the backlog
		crowded = append(crowded, harness.Dial(t, listen))
	}
	for _, c := range crowded {
		_ = c.TrySend(get("/login"))
	}
	for _, c := range crowded {
		c.Close()
	}
	harness.Eventually(t, "it serves again", served)
	if p.Ended() {
		t.Error("it has ended")
	}
}

func TestSlowUploadsLeaveOthersConnections(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, func(c *harness.Call) {
		if c.ReadBody() == nil {
			harness.Says(201, "ok")(c)
		}
	})
	p := start(t, harness.BackendFlag(b), "--max-conns=20", "--queue-timeout=5s")
	const slow = 120 // more than there are connections
	uploads := make([]*harness.Conn, slow)
	for i := range uploads {
		uploads[i] = harness.Dial(t, p.Listen)
		uploads[i].Send("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000))
	}
	harness.Eventually(t, "half of the connections are taken", func() bool { return b.Open() == 10 })
	crowd(10, func(int) {
		for range 10 {
			for _, request := range []string{get("/login"), register("x")} {
				if a, err := harness.TryOnce(t, p.Listen, request); err != nil || a.Status != 201 {
					t.Errorf("got %v %+v", err, a)
				}
			}
		}
	})
	ended := make(map[int]int)
	for _, c := range uploads {
		_ = c.TrySend(strings.Repeat("x", 50_000)) // it may be refused by now
		a := c.Answer("POST")
		ended[a.Status]++
		if a.Status != 201 {
			wantProblem(t, a, 503, "connection_limit_reached", b.Addr)
		}
	}
	if ended[201] < 10 || ended[201]+ended[503] != slow {
		t.Errorf("the uploads ended with %v", ended)
	}
}
