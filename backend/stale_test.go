package backend

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/clock"
	"tutti/wire"
)

// exchangeOnce makes one exchange without leave to send again.
func exchangeOnce(b *Backend, req string) (*Conn, error) {
	var resp wire.Response
	return b.Exchange(ForRead, time.Second, []byte(req), req == head, false, nil, &resp)
}

func TestNothingIsSentTwiceByItself(t *testing.T) {
	// fasthttp's HostClient sends a GET up to five times when a backend closes,
	// truncates or garbles its answer.
	for name, c := range map[string]struct {
		fault fault
		err   error
	}{
		"closes":    {closes, ErrTerminated},
		"resets":    {resets, ErrTerminated},
		"truncates": {saysThenCloses("HTTP/1.1 200 OK\r\nConte"), ErrTerminated},
		"garbles":   {says("what?\r\n\r\n"), ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, c.fault)
			b := newBackend(t, f.name(), nil)
			if _, _, err := do(b, get); err != c.err {
				t.Errorf("got %v, want %v", err, c.err)
			}
			if n := f.requests.Load(); n != 1 {
				t.Errorf("the backend saw %d requests", n)
			}
		})
	}
}

func TestAPostOnAConnectionJustClosedIsNotLost(t *testing.T) {
	// 10 of 20 failed with fasthttp's client. The close has arrived before the
	// next request, so nothing of it is sent in vain, with or without leave to send again.
	f := newFake(t, saysThenCloses(ok))
	b := newBackend(t, f.name(), nil)
	for i := range 20 {
		c, err := exchangeOnce(b, post)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if _, err := readBody(c); err != nil {
			t.Fatal(err)
		}
		c.Release()
		until(t, "the close", func() bool { return f.conns() == 0 })
	}
	if n := f.requests.Load(); n != 20 {
		t.Errorf("the backend saw %d requests, want 20", n)
	}
}

// idleConns makes n connections idle.
func idleConns(t *testing.T, b *Backend, n int) {
	t.Helper()
	released(t, b, n)
	if got := b.Stats().Idle; got != n {
		t.Fatalf("%d idle connections, want %d", got, n)
	}
}

// released is idleConns where they may expire at any moment.
func released(t *testing.T, b *Backend, n int) {
	t.Helper()
	var cs []*Conn
	for range n {
		c := acquired(t, b)
		var resp wire.Response
		if err := c.SendReceive([]byte(get), false, &resp); err != nil {
			t.Fatal(err)
		}
		if _, err := readBody(c); err != nil {
			t.Fatal(err)
		}
		cs = append(cs, c)
	}
	for _, c := range cs {
		c.Release()
	}
}

func TestDeadPooledConnectionsCostTheClientNothing(t *testing.T) {
	for _, n := range []int{1, 5, 40} {
		f := newFake(t, ok)
		b := newBackend(t, f.name(), nil)
		idleConns(t, b, n)
		f.closeAll()
		until(t, "the close", func() bool { return f.conns() == 0 })
		c, err := exchangeOnce(b, post)
		if err != nil {
			t.Fatalf("with %d dead ones: %v", n, err)
		}
		if c.Reused() {
			t.Error("it was a kept one")
		}
		c.Close()
		if _, since := b.State(); b.health.failures != 0 || !b.Up() {
			t.Errorf("it counts as a failure, since %d", since)
		}
	}
}

func TestUnaskedBytesAreNobodysAnswer(t *testing.T) {
	// a backend's 408 on closing went to the next client.
	for _, closes := range []bool{false, true} {
		f := newFake(t, ok)
		b := newBackend(t, f.name(), nil)
		idleConns(t, b, 3)
		f.say("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		if closes {
			f.closeAll()
		}
		for range 6 {
			if status, body, err := do(b, get); status != 200 || body != "hello" || err != nil {
				t.Fatalf("got %d %q %v", status, body, err)
			}
		}
	}
}

func TestAFinThatCameWithTheAnswerIsSeen(t *testing.T) {
	// reading stops after the answer, so the FIN in the same segment is not read.
	f := newFake(t, saysThenCloses(ok), ok)
	b := newBackend(t, f.name(), nil)
	if _, _, err := do(b, get); err != nil {
		t.Fatal(err)
	}
	until(t, "the close", func() bool { return f.conns() == 0 })
	c := acquired(t, b)
	if !c.Reused() {
		t.Fatal("it was not kept")
	}
	if err := c.Send([]byte(get)); err != ErrStaleUnsent {
		t.Errorf("got %v", err)
	}
	c.Close()
}

func TestAKeptConnectionClosedOverARequestIsStale(t *testing.T) {
	for name, f := range map[string]fault{"closes": closes, "resets": resets} {
		t.Run(name, func(t *testing.T) {
			srv := newFake(t, ok, f, ok)
			b := newBackend(t, srv.name(), nil)
			idleConns(t, b, 1)
			if _, err := exchangeOnce(b, post); err != ErrStale {
				t.Errorf("without leave to send again: %v", err)
			}
			if b.health.failures != 0 {
				t.Error("it counts as a failure")
			}
			if n := srv.requests.Load(); n != 2 {
				t.Errorf("the backend saw %d requests", n)
			}
		})
		t.Run(name+", sent again", func(t *testing.T) {
			srv := newFake(t, ok, f, ok)
			b := newBackend(t, srv.name(), nil)
			idleConns(t, b, 1)
			if status, _, err := do(b, post); status != 200 || err != nil {
				t.Errorf("got %d %v", status, err)
			}
			if n := srv.requests.Load(); n != 3 {
				t.Errorf("the backend saw %d requests, want the first, the lost and the repeated one", n)
			}
		})
		t.Run(name+", again and again", func(t *testing.T) {
			srv := newFake(t, ok, f)
			b := newBackend(t, srv.name(), nil)
			idleConns(t, b, 1)
			if _, _, err := do(b, post); err != ErrTerminated {
				t.Errorf("got %v", err)
			}
			if n := srv.requests.Load(); n != 3 {
				t.Errorf("the backend saw %d requests, want one repeat", n)
			}
		})
	}
}

func TestAPartOfAnAnswerIsNotStale(t *testing.T) {
	for name, f := range map[string]fault{
		"a byte": saysThenCloses("H"),
		"a 1xx":  saysThenCloses("HTTP/1.1 100 Continue\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			srv := newFake(t, ok, f, ok)
			b := newBackend(t, srv.name(), nil)
			idleConns(t, b, 1)
			if _, _, err := do(b, get); err != ErrTerminated {
				t.Errorf("got %v", err)
			}
			if n := srv.requests.Load(); n != 2 {
				t.Errorf("the backend saw %d requests", n)
			}
		})
	}
}

func TestAnEarlyAnswerIsReceivedThoughTheBodyIsNotRead(t *testing.T) {
	// Traefik's uploads hung when the backend answered without reading (traefik#11258).
	const answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
	req := "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 20000000\r\n\r\n" + strings.Repeat("x", 20_000_000)
	for name, f := range map[string]fault{
		"never":      saysEarly(answer),
		"and resets": saysEarlyAndResets(answer),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, newFake(t, f).name(), nil)
			status, body, err := do(b, req)
			if err == ErrTerminated && name == "and resets" {
				t.Skip("the reset overtook the answer")
			}
			if status != 413 || body != "no" || err != nil {
				t.Errorf("got %d %q %v", status, body, err)
			}
			if s := b.Stats(); s.Idle+s.Active != 0 {
				t.Errorf("the connection was kept: %+v", s)
			}
		})
	}
}

func TestALongRequestIsSentWholeAndItsConnectionKept(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), nil)
	req := "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 20000000\r\n\r\n" + strings.Repeat("x", 20_000_000)
	for range 2 {
		if status, body, err := do(b, req); status != 200 || body != "hello" || err != nil {
			t.Fatalf("got %d %q %v", status, body, err)
		}
	}
}

func TestAnUploadWithAnEarlyAnswerEndsItsConnection(t *testing.T) {
	b := newBackend(t, newFake(t, saysEarly("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")).name(), nil)
	c := acquired(t, b)
	if err := c.Send([]byte("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhello")); err != nil {
		t.Fatal(err)
	}
	var resp wire.Response
	if err := c.Receive(false, &resp); err != nil || resp.Status != 413 {
		t.Fatal(resp.Status, err)
	}
	if err := c.Send([]byte("world")); err != nil {
		t.Fatal(err)
	}
	c.Await(1, 0)
	c.Release()
	if b.Stats().Idle != 0 {
		t.Error("it was kept")
	}
}

func TestAnUploadInTwoGoroutines(t *testing.T) {
	// what the uploader and the receiver share is atomic; -race looks.
	b := newBackend(t, newFake(t, ok).name(), nil)
	for range 20 {
		c := acquired(t, b)
		var up sync.WaitGroup
		up.Go(func() {
			for _, s := range []string{"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n", "he", "llo"} {
				if err := c.Send([]byte(s)); err != nil {
					t.Error(err)
				}
			}
			c.Await(clock.Now(), 0)
		})
		var resp wire.Response
		if err := c.Receive(false, &resp); err != nil {
			t.Error(err)
		}
		if body, err := readBody(c); body != "hello" || err != nil {
			t.Error(body, err)
		}
		up.Wait()
		c.Release()
	}
}

func TestA408OnAKeptConnectionIsRepeatedWhereAllowed(t *testing.T) {
	// RFC 9110 §15.5.9: servers send it when they close an idle connection.
	const tired = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct {
		name     string
		script   []fault
		resend   bool
		status   int
		requests int64
	}{
		{"allowed", []fault{ok, saysThenCloses(tired), ok}, true, 200, 3},
		{"not allowed", []fault{ok, saysThenCloses(tired), ok}, false, 408, 2},
		{"meant so", []fault{ok, saysThenCloses(tired)}, true, 408, 3},
		{"without closing", []fault{ok, says("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")}, true, 408, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.script...)
			b := newBackend(t, f.name(), nil)
			idleConns(t, b, 1)
			var resp wire.Response
			conn, err := b.Exchange(ForRead, 0, []byte(get), false, c.resend, nil, &resp)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if resp.Status != c.status || f.requests.Load() != c.requests {
				t.Errorf("got %d after %d requests", resp.Status, f.requests.Load())
			}
		})
	}
}

func TestSendingToAConnectionThatWasReset(t *testing.T) {
	const begin = "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n"
	const refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
	for _, c := range []struct {
		name   string
		script []fault
		reused bool
		send   error
	}{
		{"fresh", []fault{saysEarlyAndCutsHard("")}, false, ErrTerminated},
		{"kept", []fault{ok, saysEarlyAndCutsHard("")}, true, ErrStale},
		{"fresh, answered", []fault{saysEarlyAndCutsHard(refusal)}, false, ErrTerminated},
		{"kept, answered", []fault{ok, saysEarlyAndCutsHard(refusal)}, true, ErrStale},
	} {
		for _, joined := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, joined %v", c.name, joined), func(t *testing.T) {
				f := newFake(t, c.script...)
				b := newBackend(t, f.name(), nil)
				if c.reused {
					idleConns(t, b, 1)
				}
				conn := acquired(t, b)
				defer conn.Close()
				if err := conn.Send([]byte(begin)); err != nil {
					t.Fatal(err)
				}
				until(t, "the reset", func() bool { return f.accepted.Load() == 1 && f.conns() == 0 })
				var resp wire.Response
				var err error
				if joined {
					err = conn.SendReceive([]byte("0123456789"), false, &resp)
				} else {
					if err := conn.Send([]byte("0123456789")); err != c.send {
						t.Errorf("Send: %v, want %v", err, c.send)
					}
					err = conn.Receive(false, &resp)
				}
				// What came before the reset is read (traefik#11258).
				if strings.Contains(c.name, "answered") {
					if body, bodyErr := readBody(conn); err != nil || resp.Status != 413 || body != "no" || bodyErr != nil {
						t.Errorf("got %d %q %v %v", resp.Status, body, err, bodyErr)
					}
				} else if err != c.send {
					t.Errorf("Receive: %v, want %v", err, c.send)
				}
				conn.Release()
				if b.Stats().Idle != 0 {
					t.Error("it was kept")
				}
			})
		}
	}
}
