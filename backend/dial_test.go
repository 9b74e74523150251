package backend

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatThisMachineIsShortOfIsNoFailureOfTheBackend(t *testing.T) {
	timeout := &net.DNSError{Err: "slow", IsTimeout: true}
	for _, c := range []struct {
		name string
		err  error
		want *Failure
	}{
		{"no descriptor left", os.NewSyscallError("socket", syscall.EMFILE), ErrBusy},
		{"no port left", os.NewSyscallError("connect", syscall.EADDRNOTAVAIL), ErrBusy},
		{"refused", os.NewSyscallError("connect", syscall.ECONNREFUSED), ErrRefused},
		{"no route", os.NewSyscallError("connect", syscall.EHOSTUNREACH), ErrRefused},
		{"no such name", &net.DNSError{Err: "no such host", IsNotFound: true}, ErrRefused},
		{"a slow resolver", timeout, ErrDialTimeout},
		{"the kernel's own timeout", os.NewSyscallError("connect", syscall.ETIMEDOUT), ErrDialTimeout},
		{"ours", os.ErrDeadlineExceeded, ErrDialTimeout},
		{"anything", errors.New("what"), ErrRefused},
	} {
		if got := dialFailure(&net.OpError{Op: "dial", Net: "tcp", Err: c.err}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestBothFamiliesAreDialled(t *testing.T) {
	// fasthttp dials IPv4 only.
	for _, host := range []string{"127.0.0.1", "::1"} {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Skip("no", host)
		}
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		if all, _ := net.LookupHost("localhost"); slices.Contains(all, host) {
			host = "localhost"
		}
		b := newBackend(t, net.JoinHostPort(host, port), nil)
		c, err := b.Acquire(ForRead, 0)
		if err != nil {
			t.Errorf("listening on %s: %v", host, err)
		} else {
			c.Close()
		}
		_ = ln.Close()
	}
}

// noted is a connection that is no socket.
type noted struct {
	net.Conn
	quiet atomic.Bool
}

func (c *noted) Quiet() bool { return c.quiet.Load() }

func TestADialOfOnesOwnNeedsNoSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []*noted
		b, err := New("away:80", 0, Options{DialTimeout: time.Second, Dial: func(ctx context.Context, name string) (net.Conn, error) {
			if name != "away:80" {
				t.Errorf("dialled %q", name)
			}
			if len(all) == 2 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			near, far := net.Pipe()
			go func() {
				r := bufio.NewReader(far)
				for {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}()
			c := &noted{Conn: near}
			c.quiet.Store(true)
			all = append(all, c)
			return c, nil
		}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		g := NewGroup([]*Backend{b})
		defer g.Close()
		ask := func() {
			t.Helper()
			if status, body, err := do(b, get); status != 200 || body != "ok" || err != nil {
				t.Errorf("got %d %q %v", status, body, err)
			}
		}
		ask()
		ask()
		if len(all) != 1 {
			t.Errorf("%d connections for two requests in turn", len(all))
		}
		all[0].quiet.Store(false)
		ask() // it is not used again
		if len(all) != 2 {
			t.Error("a connection that is not quiet was used again")
		}
		all[1].quiet.Store(false)
		start := time.Now()
		if _, _, err := do(b, get); err != ErrDialTimeout || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}
