package backend

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/clock"
	"tutti/wire"
)

const tenth = 100 * time.Millisecond

// took fails unless f takes from to to. A busy machine is given much more: past that it hangs.
func took(t *testing.T, from, to time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if d := time.Since(start); d < from || d > to+10*time.Second {
		t.Errorf("it took %v, want %v to %v", d, from, to)
	} else if d > to {
		t.Logf("it took %v, more than %v", d, to)
	}
}

func TestATimeoutIsPrecise(t *testing.T) {
	// --backend-timeout=200ms means an error at 200 to 250 ms.
	for name, f := range map[string]fault{
		"no answer":   hangs,
		"half a head": saysThenHangs("HTTP/1.1 200 OK\r\nContent-"),
		"only 1xx":    saysThenHangs("HTTP/1.1 102 Processing\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, newFake(t, f).name(), func(o *Options) { o.ResponseTimeout = 2 * tenth })
			took(t, 2*tenth, 250*time.Millisecond, func() {
				if _, _, err := do(b, get); err != ErrTimeout {
					t.Errorf("got %v", err)
				}
			})
			if s := b.Stats(); s.Idle+s.Active != 0 {
				t.Errorf("the connection was kept: %+v", s)
			}
		})
	}
}

func TestATimeoutShorterThanOthersNeedNotBeTheShortest(t *testing.T) {
	// The sweeper wakes for what is due, not at its pace.
	b := newBackend(t, newFake(t, hangs).name(), func(o *Options) {
		o.ResponseTimeout, o.StreamTimeout, o.IdleTimeout = time.Minute, 0, time.Minute
	})
	c := acquired(t, b)
	defer c.Close()
	if err := c.Send([]byte(get)); err != nil {
		t.Fatal(err)
	}
	var resp wire.Response
	for range 3 {
		took(t, tenth, tenth+20*time.Millisecond, func() {
			now := clock.Now()
			c.Await(now, now+int64(tenth))
			if err := c.Receive(false, &resp); err != ErrInterrupted {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAPauseInABodyEndsIt(t *testing.T) {
	for name, f := range map[string]fault{
		"a length":    saysThenHangs("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"),
		"chunks":      saysThenHangs("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
		"until close": saysThenHangs("HTTP/1.1 200 OK\r\n\r\nhello"),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, newFake(t, f).name(), func(o *Options) { o.StreamTimeout = 2 * tenth })
			took(t, 2*tenth, 250*time.Millisecond, func() {
				if _, body, err := do(b, get); err != ErrTimeout || body != "hello" {
					t.Errorf("got %q %v", body, err)
				}
			})
		})
	}
}

func TestAPauseInSendingEndsIt(t *testing.T) {
	long := []byte("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 20000000\r\n\r\n" + strings.Repeat("x", 20_000_000))
	b := newBackend(t, newFake(t, saysEarly("")).name(), func(o *Options) { o.StreamTimeout = 2 * tenth })
	t.Run("Send", func(t *testing.T) {
		c := acquired(t, b)
		defer c.Close()
		took(t, 2*tenth, time.Second, func() {
			if err := c.Send(long); err != ErrTimeout {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("SendReceive", func(t *testing.T) {
		c := acquired(t, b)
		defer c.Close()
		var resp wire.Response
		took(t, 2*tenth, time.Second, func() {
			if err := c.SendReceive(long, false, &resp); err != ErrTimeout {
				t.Errorf("got %v", err)
			}
		})
	})
}

func TestNoStreamTimeoutIsNoLimit(t *testing.T) {
	f := saysWhen{parts: []string{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "hello"}, next: make(chan struct{}, 2)}
	b := newBackend(t, newFake(t, f).name(), func(o *Options) { o.StreamTimeout = 0 })
	f.next <- struct{}{}
	c := acquired(t, b)
	defer c.Close()
	var resp wire.Response
	if err := c.SendReceive([]byte(get), false, &resp); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(tenth, func() {
		c.sweep(muchLater()) // while the body is waited for
		f.next <- struct{}{}
	})
	if body, err := readBody(c); body != "hello" || err != nil {
		t.Errorf("got %q %v", body, err)
	}
}

// muchLater is when everything that has a limit is overdue.
func muchLater() int64 { return clock.Now() + int64(time.Hour) }

func TestNobodysTimeRunsBeforeTheRequestIsSentWhole(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), nil)
	c := acquired(t, b)
	if err := c.Send([]byte("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	var up sync.WaitGroup
	up.Go(func() {
		timer := time.NewTimer(tenth)
		<-timer.C
		c.sweep(muchLater())
		if err := c.Send([]byte("hello")); err != nil {
			t.Error(err)
		}
		c.Await(clock.Now(), 0)
	})
	var resp wire.Response
	if err := c.Receive(false, &resp); err != nil || resp.Status != 200 {
		t.Errorf("got %d %v", resp.Status, err)
	}
	up.Wait()
	c.Close()
}

func TestConnectingTakesAtMostDialTimeout(t *testing.T) {
	// A listener whose backlog is full answers nobody.
	b := newBackend(t, fullListener(t), func(o *Options) { o.DialTimeout = 2 * tenth })
	took(t, 2*tenth, 3*tenth, func() {
		if _, _, err := do(b, get); err != ErrDialTimeout {
			t.Errorf("got %v", err)
		}
	})
	if b.Up() {
		t.Error("it is up")
	}
	if s := b.Stats(); s.Active != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAnExchangeGoesOnAfterAnInterruption(t *testing.T) {
	for name, parts := range map[string][]string{
		"before the answer": {"", string(ok)},
		"inside the head":   {"HTTP/1.1 200 OK\r\nContent-Len", "gth: 5\r\n\r\nhello"},
	} {
		for _, by := range []string{"Interrupt", "until"} {
			t.Run(name+" by "+by, func(t *testing.T) {
				f := saysWhen{parts: parts, next: make(chan struct{}, 2)}
				b := newBackend(t, newFake(t, f).name(), nil)
				c := acquired(t, b)
				var resp wire.Response
				f.next <- struct{}{}
				took(t, tenth, tenth+20*time.Millisecond, func() {
					stop := int64(0)
					if by == "until" {
						stop = clock.Now() + int64(tenth)
					} else {
						time.AfterFunc(tenth, c.Interrupt)
					}
					c.Await(clock.Now(), stop)
					if err := c.SendReceive([]byte(get), false, &resp); err != ErrInterrupted {
						t.Fatalf("got %v", err)
					}
				})
				// It goes on in another goroutine, with its connection.
				var other sync.WaitGroup
				other.Go(func() {
					f.next <- struct{}{}
					c.Await(clock.Now(), 0)
					if err := c.Receive(false, &resp); err != nil || resp.Status != 200 {
						t.Errorf("got %d %v", resp.Status, err)
					}
					if body, err := readBody(c); body != "hello" || err != nil {
						t.Errorf("got %q %v", body, err)
					}
					c.Release()
				})
				other.Wait()
				if b.Stats().Idle != 1 {
					t.Error("its connection was not kept")
				}
			})
		}
	}
}

func TestABodyGoesOnAfterAnInterruption(t *testing.T) {
	f := saysWhen{parts: []string{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", "llo"}, next: make(chan struct{}, 2)}
	b := newBackend(t, newFake(t, f).name(), nil)
	c := acquired(t, b)
	defer c.Close()
	var resp wire.Response
	f.next <- struct{}{}
	if err := c.SendReceive([]byte(get), false, &resp); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(tenth, c.Interrupt)
	if body, err := readBody(c); body != "he" || err != ErrInterrupted {
		t.Fatalf("got %q %v", body, err)
	}
	f.next <- struct{}{}
	if body, err := readBody(c); body != "llo" || err != nil {
		t.Errorf("got %q %v", body, err)
	}
}

func TestAnInterruptionBeforeTheWaitIsNotLost(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), nil)
	c := acquired(t, b)
	defer c.Close()
	c.Interrupt()
	var resp wire.Response
	if err := c.SendReceive([]byte(get), false, &resp); err != ErrInterrupted {
		t.Errorf("got %v", err)
	}
	// The request was sent all the same.
	if err := c.Receive(false, &resp); err != nil || resp.Status != 200 {
		t.Errorf("got %d %v", resp.Status, err)
	}
}

func TestACutThatComesLateEndsNothing(t *testing.T) {
	if os.Getenv("TUTTI_TLS") != "" {
		t.Skip("a cut while sending is the end of a TLS connection: half a record may be out")
	}
	b := newBackend(t, newFake(t, ok).name(), nil)
	for range 3 {
		c := acquired(t, b)
		_ = c.nc.SetDeadline(past) // as a sweeper would that was held up between mark and cut
		var resp wire.Response
		if err := c.SendReceive([]byte(get), false, &resp); err != nil {
			t.Fatal(err)
		}
		_ = c.nc.SetDeadline(past)
		if body, err := readBody(c); body != "hello" || err != nil {
			t.Fatal(body, err)
		}
		_ = c.nc.SetDeadline(past)
		c.Release()
		c = acquired(t, b)
		_ = c.nc.SetDeadline(past)
		if err := c.Send([]byte(get)); err != nil {
			t.Fatal(err)
		}
		_ = c.nc.SetDeadline(past)
		c.Await(clock.Now(), 0)
		if err := c.Receive(false, &resp); err != nil {
			t.Fatal(err)
		}
		if _, err := readBody(c); err != nil {
			t.Fatal(err)
		}
		c.Release()
	}
}

func TestAMarkedConnectionIsNotUsedAgain(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), nil)
	c := acquired(t, b)
	c.Await(clock.Now(), 0)
	var resp wire.Response
	if err := c.Send([]byte(get)); err != nil {
		t.Fatal(err)
	}
	c.awaiting.at.Store(marked) // found overdue just before the answer came; the cut not yet made
	if err := c.Receive(false, &resp); err != nil {
		t.Fatal(err)
	}
	if _, err := readBody(c); err != nil {
		t.Fatal(err)
	}
	c.Release()
	if b.Stats().Idle != 0 {
		t.Error("it was kept")
	}
}

func TestAbandonEndsEveryWait(t *testing.T) {
	long := []byte("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 20000000\r\n\r\n" + strings.Repeat("x", 20_000_000))
	var resp wire.Response
	for name, c := range map[string]struct {
		fault fault
		wait  func(c *Conn) error
	}{
		"Receive":     {hangs, func(c *Conn) error { _ = c.Send([]byte(get)); return c.Receive(false, &resp) }},
		"SendReceive": {hangs, func(c *Conn) error { return c.SendReceive([]byte(get), false, &resp) }},
		"an upload":   {saysEarly(""), func(c *Conn) error { return c.SendReceive(long, false, &resp) }},
		"Send":        {saysEarly(""), func(c *Conn) error { return c.Send(long) }},
		"NextBody": {saysThenHangs("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), func(c *Conn) error {
			if err := c.SendReceive([]byte(get), false, &resp); err != nil {
				return err
			}
			_, err := c.NextBody()
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, newFake(t, c.fault).name(), nil)
			conn := acquired(t, b)
			took(t, tenth, tenth+20*time.Millisecond, func() {
				time.AfterFunc(tenth, conn.Abandon)
				if err := c.wait(conn); err != ErrAbandoned {
					t.Errorf("got %v", err)
				}
			})
			if err := conn.Receive(false, &resp); err != ErrAbandoned {
				t.Errorf("a later call: %v", err)
			}
			if err := conn.Send([]byte(get)); err != ErrAbandoned {
				t.Errorf("a later call: %v", err)
			}
			conn.Release()
			if s := b.Stats(); s.Idle+s.Active != 0 {
				t.Errorf("the connection was kept: %+v", s)
			}
			conn.Abandon() // after the claim: nothing
			conn.Interrupt()
			conn.Release()
			conn.Close()
			if s := b.Stats(); s.Idle+s.Active != 0 {
				t.Errorf("a second end counts: %+v", s)
			}
		})
	}
}

func TestInterruptionsAndAnswersRace(t *testing.T) {
	b := newBackend(t, newFake(t, ok).name(), nil)
	for range 200 {
		c := acquired(t, b)
		var resp wire.Response
		var other sync.WaitGroup
		other.Go(c.Interrupt)
		err := c.SendReceive([]byte(get), false, &resp)
		if err == ErrInterrupted {
			err = c.Receive(false, &resp)
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := readBody(c)
		if err == ErrInterrupted {
			body, err = readBody(c)
		}
		if body != "hello" || err != nil {
			t.Fatal(body, err)
		}
		other.Wait()
		c.Release()
	}
}
