package e2e

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// states is a service manager's socket.
type states struct{ *net.UnixConn }

func listenStates(t *testing.T, name string) states {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return states{c}
}

// next is what the manager is told next.
func (s states) next(t *testing.T) string {
	t.Helper()
	p := make([]byte, 100)
	_ = s.SetReadDeadline(time.Now().Add(harness.Limit))
	n, err := s.Read(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(p[:n])
}

func TestTheServiceManagerIsToldWhenItServesAndWhenItStops(t *testing.T) {
	t.Parallel()
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@tutti-" + filepath.Base(t.TempDir()) + harness.FreeAddr(t)} {
		s := listenStates(t, name)
		gate := make(chan struct{})
		b := harness.NewBackend(t, harness.When(gate, harness.Says(200, "ok")))
		p := program.StartEnv(t, []string{"NOTIFY_SOCKET=" + name}, harness.BackendFlag(b))
		if got := s.next(t); got != "READY=1" {
			t.Errorf("told %q first", got)
		}
		c := harness.Dial(t, p.Listen)
		c.Send(get("/login"))
		b.WaitCall(1)
		p.Signal(syscall.SIGTERM)
		if got := s.next(t); got != "STOPPING=1" {
			t.Errorf("told %q then", got)
		}
		close(gate)
		wantStatus(t, c.Answer("GET"), 200)
		if code := p.Wait(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
}

func TestAStartThatFailsIsNotReady(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "notify")
	s := listenStates(t, name)
	taken := harness.NewBackend(t, harness.Says(200, "ok")).Addr
	r := program.Run(t, []string{"NOTIFY_SOCKET=" + name}, "--listen="+taken, "--admin-listen=", "--backend=127.0.0.1:9")
	if r.Code != 1 {
		t.Errorf("exit code %d", r.Code)
	}
	_ = s.SetReadDeadline(time.Now())
	if n, err := s.Read(make([]byte, 10)); err == nil {
		t.Errorf("told something of %d bytes", n)
	}
}
