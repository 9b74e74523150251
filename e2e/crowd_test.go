package e2e

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// dialBare connects without a buffer of this side's: thousands are held.
func dialBare(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, harness.Limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// idleClients are n connections that had an answer and stay.
func idleClients(t *testing.T, addr string, n int) []net.Conn {
	t.Helper()
	request, answer := []byte(get("/login")), make([]byte, 4096)
	all := make([]net.Conn, n)
	for i := range all {
		c := dialBare(t, addr)
		_ = c.SetDeadline(time.Now().Add(harness.Limit))
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(answer); err != nil {
			t.Fatal(err)
		}
		all[i] = c
	}
	return all
}

// drip sends a byte per second on each of n new connections, a tenth of them at a time, until
// stop is closed: heads that never end. It returns what waits for it and closes them.
func drip(t *testing.T, addr string, n int, stop <-chan struct{}) (wait func()) {
	t.Helper()
	slow := make([]net.Conn, n)
	for i := range slow {
		slow[i] = dialBare(t, addr)
		_ = slow[i].SetWriteDeadline(time.Now().Add(10 * time.Minute))
		if _, err := io.WriteString(slow[i], "GET /login HTTP/1.1\r\nHost: a\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
	}
	return background(1, func(int) {
		defer func() {
			for _, c := range slow {
				_ = c.Close()
			}
		}()
		ticker := time.NewTicker(time.Second / 10)
		defer ticker.Stop()
		for turn := 0; ; turn++ {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			for i := turn % 10; i < n; i += 10 {
				if _, err := slow[i].Write([]byte{'x'}); err != nil {
					t.Errorf("a slow client was cut: %v", err)
					return
				}
			}
		}
	})
}

// busy keeps n connections asking for d; each request must be answered well.
func busy(t *testing.T, addr string, n int, d time.Duration) *latencies {
	t.Helper()
	l := new(latencies)
	end := time.Now().Add(d)
	crowd(n, func(int) {
		c, err := harness.TryDial(t, addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for time.Now().Before(end) {
			began := time.Now()
			if err := c.TrySend(get("/login")); err != nil {
				t.Error(err)
				return
			}
			if a, err := c.TryAnswer("GET"); err != nil || a.Status/100 != 2 {
				t.Errorf("got %v %+v", err, a)
				return
			}
			l.add(time.Since(began))
		}
	})
	return l
}

// crowded measures busy clients without and with idle and slow ones beside them.
func crowded(t *testing.T, idlers, slow int, d time.Duration) {
	t.Helper()
	harness.PlainOnly(t)
	r := newRecorder(t) // a process of its own
	p := start(t, "--backend="+r.addr, "--client-timeout=10m", "--idle-timeout=10m")
	busy(t, p.Listen, 64, d/2) // warm
	t.Logf("64 busy clients alone: %v", busy(t, p.Listen, 64, d))
	alone := p.RSS()
	conns := idleClients(t, p.Listen, idlers)
	idle := p.RSS()
	t.Logf("memory: %d MB, with %d idle clients %d MB", alone>>20, idlers, idle>>20)
	stop := make(chan struct{})
	wait := drip(t, p.Listen, slow, stop)
	t.Logf("beside %d idle and %d slow ones: %v", idlers, slow, busy(t, p.Listen, 64, d))
	t.Logf("memory: %d MB, peak %d MB, %d descriptors", p.RSS()>>20, p.PeakRSS()>>20, p.Descriptors())
	if got := p.Metrics().Must(t, "tutti_client_connections"); got < float64(idlers+slow) {
		t.Errorf("%v client connections are left of %d", got, idlers+slow)
	}
	close(stop)
	wait()
	// The idle ones were forgotten by nobody.
	answer := make([]byte, 4096)
	for _, c := range conns {
		_ = c.SetDeadline(time.Now().Add(harness.Limit))
		if _, err := io.WriteString(c, get("/login")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(answer); err != nil {
			t.Fatalf("an idle client's next request: %v", err)
		}
		_ = c.Close()
	}
	harness.Eventually(t, "they are gone", func() bool { return p.Metrics().Must(t, "tutti_client_connections") == 0 })
	if !raced && os.Getenv("TUTTI_BINARY") == "" && idle-alone > 300<<20 {
		t.Errorf("%d idle clients cost %d MB", idlers, (idle-alone)>>20)
	}
}

func TestIdleAndSlowClientsDoNotHoldTheBusyOnesUp(t *testing.T) {
	idlers := 2000
	if raced {
		idlers = 500
	}
	crowded(t, idlers, 200, 600*time.Millisecond)
}

func TestSoakTenThousandIdleAndAThousandSlowClients(t *testing.T) {
	crowded(t, 10_000, 1000, soak(t)/4)
}
