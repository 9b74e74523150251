package front

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
)

func TestAPanicInAHandlerCutsItsConnectionAndIsLogged(t *testing.T) {
	f := start(t, func(x *Exchange) {
		if string(x.Req.Path) == "/panic" {
			x.Out = append(x.Out, "HTTP/1.1 200 OK\r\n"...)
			x.Req.Head[len(x.Req.Head)] = 'x'
		}
		echo(x)
	})
	check := func(how, request string) {
		t.Run(how, func(t *testing.T) {
			c := f.dial(t)
			c.send(request)
			got, err := io.ReadAll(c)
			if len(got) > 0 || !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %q, %v", got, err)
			}
			c = f.dial(t)
			c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
			c.expect(200, "GET /a  ")
			_ = c.Close()
			eventually(t, "both are gone", func() bool { return f.Stats().Active == 0 })
			if log := f.log.String(); !strings.Contains(log, "end_test.go") || !strings.Contains(log, "out of range") {
				t.Errorf("log:\n%s", log)
			}
		})
	}
	check("in the callback", "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n")
	check("outside of it", "GET /panic HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
}

func TestAnAbortedAnswerIsVisiblyCutShort(t *testing.T) {
	f := start(t, func(x *Exchange) {
		x.Out = append(x.Out, "HTTP/1.0 200 OK\r\n\r\nhalf"...)
		if string(x.Req.Path) == "/begun" {
			_ = x.Flush()
		}
		x.Abort()
		x.Out = append(x.Out, "the rest"...)
		if x.Flush() == nil {
			t.Error("it can be written to after Abort")
		}
	})
	c := f.dial(t)
	c.send("GET /begun HTTP/1.1\r\nHost: x\r\n\r\n")
	if got, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) || strings.Contains(string(got), "rest") {
		t.Errorf("got %q and a clean end", got)
	}
	c = f.dial(t)
	c.send("GET /not-begun HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expectEnd()
}

func TestARequestThatIsNotAnsweredEndsTheConnection(t *testing.T) {
	f := start(t, func(*Exchange) {})
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expectEnd()
}

func TestATunnelGetsWhatWasAlreadyReadAndThenTheConnection(t *testing.T) {
	f := startStill(t, func(x *Exchange) {
		x.Out = append(x.Out, "HTTP/1.1 101 Switching Protocols\r\n\r\n"...)
		buffered, c := x.Tunnel()
		_, _ = c.Write(buffered)
		_, _ = io.Copy(c, c)
	})
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nearly")
	c.expect(101, "")
	eventually(t, "it is a tunnel", func() bool { return f.any(tunnelling) })
	f.pass(3 * max(f.sweeper.client, f.sweeper.idle)) // a tunnel's pauses are not the front's business
	c.send(" late")
	_ = c.CloseWrite()
	if got, err := io.ReadAll(c.in); string(got) != "early late" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	eventually(t, "it is gone", func() bool { return f.Stats().Active == 0 })
}

func TestOnlyAnUpgradeBecomesATunnel(t *testing.T) {
	if !rawIO {
		t.Skip("without the callback any request can")
	}
	f := start(t, func(x *Exchange) {
		if _, c := x.Tunnel(); c != nil {
			t.Error("a tunnel inside the callback")
		}
		reply(x, "")
	})
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(200, "")
}

func TestStatsAreNginxs(t *testing.T) {
	release := make(chan struct{})
	f := start(t, func(x *Exchange) {
		if string(x.Req.Path) == "/hang" {
			<-release
		}
		echo(x)
	})
	idle, head, busy, body := f.dial(t), f.dial(t), f.dial(t), f.dial(t)
	idle.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	idle.expect(200, "GET /a  ")
	head.send("GET ")
	busy.send("GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
	body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
	want := Stats{Active: 4, Reading: 2, Writing: 1, Waiting: 1, Accepted: 4, Handled: 4, Requests: 2}
	eventually(t, "the numbers are right", func() bool { return f.Stats() == want })
	close(release)
	busy.expect(200, "GET /hang  ")
	for _, c := range []*client{idle, head, busy, body} {
		_ = c.Close()
	}
	// the two that were cut short are requests, too
	want = Stats{Accepted: 4, Handled: 4, Requests: 4}
	eventually(t, "the numbers are right at the end", func() bool { return f.Stats() == want })
}
