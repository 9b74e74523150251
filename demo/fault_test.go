package demo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// dial opens a raw connection that is closed with the test.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

func firstLine(t *testing.T, c net.Conn) string {
	t.Helper()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

const registration = "POST /register HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\nusername=a"

// eventually polls until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func TestFail5xxAnswersEverythingWithItsStatus(t *testing.T) {
	g := started(t, Options{Count: 1})
	s, c := g.Servers()[0], client(t)
	s.SetFault(Fail5xx{Status: 503, RetryAfter: 7})
	for _, method := range []string{"GET", "POST"} {
		resp, err := do(c, method, s.Addr(), "/register", "", account("a", "b"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "7" {
			t.Errorf("%s is answered %d, Retry-After %q", method, resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	}
	s.SetFault(Fail5xx{})
	if status, _ := ask(t, c, "GET", s.Addr(), "/", "", nil); status != 500 {
		t.Errorf("without a status it is %d", status)
	}
	s.SetFault(nil)
	if status, _ := ask(t, c, "POST", s.Addr(), "/register", "", account("a", "b")); status != 201 {
		t.Errorf("lifted, it answers %d", status)
	}
	if n := s.State().Writes; n != 1 {
		t.Errorf("%d writes were applied, want the last one only", n)
	}
}

func TestSlowAnswersRightAfterAWhile(t *testing.T) {
	g := started(t, Options{Count: 1})
	s := g.Servers()[0]
	s.SetFault(Slow{For: 50 * time.Millisecond})
	start := time.Now()
	if status, _ := ask(t, client(t), "POST", s.Addr(), "/register", "", account("a", "b")); status != 201 {
		t.Errorf("it answers %d", status)
	}
	if took := time.Since(start); took < 50*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

func TestHangAnswersNothingUntilItIsLifted(t *testing.T) {
	for _, apply := range []bool{false, true} {
		g := started(t, Options{Count: 1})
		s := g.Servers()[0]
		s.SetFault(Hang{Apply: apply})
		c := dial(t, s.Addr())
		fmt.Fprint(c, registration)
		if apply {
			eventually(t, "the write is applied", func() bool { return s.State().Writes == 1 })
		}
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := c.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
			t.Fatalf("while it hangs a read gives %d, %v", n, err)
		}
		s.SetFault(nil)
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
			t.Errorf("lifted, a read gives %d, %v", n, err)
		}
		if got := s.State().Writes; (got == 1) != apply {
			t.Errorf("Apply is %v and %d writes were applied", apply, got)
		}
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestResetResetsTheConnection(t *testing.T) {
	for _, apply := range []bool{false, true} {
		g := started(t, Options{Count: 1})
		s := g.Servers()[0]
		s.SetFault(Reset{Apply: apply})
		c := dial(t, s.Addr())
		fmt.Fprint(c, registration)
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a read gives %d, %v", n, err)
		}
		if got := s.State().Writes; (got == 1) != apply {
			t.Errorf("Apply is %v and %d writes were applied", apply, got)
		}
	}
}

func TestCloseMidBodySendsHalfABody(t *testing.T) {
	g := started(t, Options{Count: 1})
	s := g.Servers()[0]
	s.SetFault(CloseMidBody{})
	c := dial(t, s.Addr())
	fmt.Fprint(c, registration)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != 201 || !errors.Is(err, io.ErrUnexpectedEOF) || len(body) == 0 || int64(len(body)) >= resp.ContentLength {
		t.Errorf("the answer is %d, %d of %d bytes, %v", resp.StatusCode, len(body), resp.ContentLength, err)
	}
	if s.State().Writes != 1 {
		t.Error("the write was not applied")
	}
}

func TestClosingEndsWhatHangsAndWhatIsHalfSent(t *testing.T) {
	g, err := Start(Options{Count: 2, Latency: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s := g.Servers()[0]
	s.SetFault(Hang{})
	hanging, half, idle, slow := dial(t, s.Addr()), dial(t, s.Addr()), dial(t, s.Addr()), dial(t, g.Addrs()[1])
	fmt.Fprint(hanging, registration)
	fmt.Fprint(half, registration[:len(registration)-3])
	fmt.Fprint(slow, registration)
	eventually(t, "the write is applied", func() bool { return g.Servers()[1].State().Writes == 1 })
	start := time.Now()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
	if got := firstLine(t, slow); got != "HTTP/1.1 201 Created" {
		t.Errorf("what was being answered got %q", got)
	}
	for name, c := range map[string]net.Conn{"hanging": hanging, "half": half, "idle": idle} {
		if n, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Errorf("the %s connection is open: %d, %v", name, n, err)
		}
	}
	if err := g.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestAKilledServerComesBackWhereItWasAndKnowsWhatItKnew(t *testing.T) {
	g := started(t, Options{Count: 1})
	s, c := g.Servers()[0], client(t)
	addr := s.Addr()
	for round := range 3 {
		if status, _ := ask(t, c, "POST", addr, "/register", "", account("a", "b")); status != 201 {
			t.Fatalf("it answers %d", status)
		}
		s.Kill()
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Fatal("a killed server accepts connections")
		}
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(); err == nil {
			t.Error("it starts twice")
		}
		if s.Addr() != addr || s.State().Writes != uint64(round+1) {
			t.Errorf("it came back at %s with %+v", s.Addr(), s.State())
		}
		c.CloseIdleConnections()
	}
}

func TestStartingAndStoppingAtOnceLeavesNothing(t *testing.T) {
	for range 50 {
		g, err := Start(Options{Count: 2})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKillUnderLoad(t *testing.T) {
	g := started(t, Options{Count: 1})
	s, c := g.Servers()[0], client(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if resp, err := do(c, "POST", s.Addr(), "/register", "", account("a", "b")); err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
		})
	}
	for range 5 {
		want := s.State().Writes + 20
		eventually(t, "writes go on", func() bool { return s.State().Writes >= want })
		s.Kill()
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}
