package secure

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"tutti/secure/securetest"
)

// patience is how long a test waits for something that should be at once.
const patience = 10 * time.Second

// ends are the two ends of a connection after the handshake.
type ends struct{ client, server *Conn }

// connect returns both ends of a connection in the given version of TLS.
func connect(t *testing.T, version uint16) ends {
	t.Helper()
	a := securetest.New(t)
	issued := a.Issue("backend.test")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := ClientConfig("backend.test", a.Roots())
	c.MaxVersion = version
	e := ends{Client(near, c), Server(far, issued.Server())}
	t.Cleanup(func() { _, _ = e.client.Close(), e.server.Close() })
	_ = near.SetDeadline(time.Now().Add(patience))
	_ = far.SetDeadline(time.Now().Add(patience))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.server.Handshake(); err != nil {
			t.Error(err)
		}
	})
	if err := e.client.Handshake(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	return e
}

// inBoth runs f over both versions of TLS there are.
func inBoth(t *testing.T, f func(t *testing.T, e ends)) {
	for name, v := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) { f(t, connect(t, v)) })
	}
}

func (e ends) say(t *testing.T, from *Conn, what string) {
	t.Helper()
	if _, err := io.WriteString(from, what); err != nil {
		t.Fatal(err)
	}
}

func (e ends) hear(t *testing.T, at *Conn, what string) {
	t.Helper()
	got := make([]byte, len(what))
	if _, err := io.ReadFull(at, got); err != nil || string(got) != what {
		t.Fatalf("got %q, %v, want %q", got, err, what)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		<-tick.C
	}
}

func TestAnOpenConnectionIsQuietWhateverTLSSaysToItself(t *testing.T) {
	inBoth(t, func(t *testing.T, e ends) {
		for i := range 5 {
			// in TLS 1.3 the session tickets wait to be read now
			if !e.client.Quiet() || !e.server.Quiet() {
				t.Fatalf("round %d: not quiet", i)
			}
			e.say(t, e.client, "request")
			e.hear(t, e.server, "request")
			e.say(t, e.server, "answer")
			e.hear(t, e.client, "answer")
		}
		_ = e.client.SetDeadline(past) // a cut that came late is no end
		if !e.client.Quiet() {
			t.Error("not quiet after a cut")
		}
	})
}

func TestWhatWaitsToBeReadIsSeen(t *testing.T) {
	check := func(what string, do func(t *testing.T, e ends)) {
		t.Run(what, func(t *testing.T) {
			inBoth(t, func(t *testing.T, e ends) {
				e.say(t, e.server, "x")
				e.hear(t, e.client, "x")
				do(t, e)
				eventually(t, "it is seen", func() bool { return !e.client.Quiet() })
			})
		})
	}
	check("bytes", func(t *testing.T, e ends) { e.say(t, e.server, "unasked") })
	check("bytes behind others in one record", func(t *testing.T, e ends) {
		e.say(t, e.server, "askedunasked")
		e.hear(t, e.client, "asked")
	})
	check("a record that was received along with another", func(t *testing.T, e ends) {
		e.say(t, e.server, "asked")
		e.say(t, e.server, "unasked")
		eventually(t, "both are here", func() bool { return received(e.client) > 50 })
		e.hear(t, e.client, "asked")
	})
	check("a part of a record", func(t *testing.T, e ends) {
		if _, err := e.server.socket.Conn.Write([]byte{23, 3}); err != nil {
			t.Fatal(err)
		}
	})
	check("a part of a record behind another, received along with it", func(t *testing.T, e ends) {
		e.say(t, e.server, "asked")
		if _, err := e.server.socket.Conn.Write([]byte{23, 3, 3, 0, 40, 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both are here", func() bool { return received(e.client) > 30 })
		e.hear(t, e.client, "asked")
	})
	check("a clean end", func(_ *testing.T, e ends) { _ = e.server.Close() })
	check("a half-close", func(_ *testing.T, e ends) { _ = e.server.CloseWrite() })
	check("an end that is none in TLS", func(_ *testing.T, e ends) { _ = e.server.socket.Conn.Close() })
	check("a reset", func(_ *testing.T, e ends) { e.server.Reset() })
}

func TestAnEndIsCleanOnlyIfThePeerSaidSo(t *testing.T) {
	check := func(how string, want error, end func(e ends)) {
		t.Run(how, func(t *testing.T) {
			inBoth(t, func(t *testing.T, e ends) {
				e.say(t, e.server, "body")
				end(e)
				got, err := readAll(e.client)
				if string(got) != "body" || !errors.Is(err, want) {
					t.Errorf("got %q, %v, want %v", got, err, want)
				}
			})
		})
	}
	check("Close", io.EOF, func(e ends) { _ = e.server.Close() })
	check("CloseWrite", io.EOF, func(e ends) { _ = e.server.CloseWrite() })
	check("Finish", io.EOF, func(e ends) { _, _ = e.server.Finish() })
	check("FIN alone", ErrTruncated, func(e ends) { _ = e.server.socket.Conn.Close() })
	check("FIN within a record", ErrTruncated, func(e ends) {
		_, _ = e.server.socket.Conn.Write([]byte{23, 3, 3, 0, 40, 1})
		_ = e.server.socket.Conn.Close()
	})
}

// readAll is io.ReadAll that tells io.EOF.
func readAll(r io.Reader) ([]byte, error) {
	var all bytes.Buffer
	p := make([]byte, 100)
	for {
		n, err := r.Read(p)
		all.Write(p[:n])
		if n > 0 && err != nil {
			return all.Bytes(), errors.New("bytes and an error at once")
		}
		if err != nil {
			return all.Bytes(), err
		}
	}
}

func TestAReadThatWasCutGoesOn(t *testing.T) {
	inBoth(t, func(t *testing.T, e ends) {
		_ = e.client.SetReadDeadline(past)
		if _, err := e.client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		_ = e.client.SetReadDeadline(time.Now().Add(patience))
		e.say(t, e.server, "later")
		e.hear(t, e.client, "later")
	})
}

func TestCloseDoesNotWaitForAPeerThatTakesNothing(t *testing.T) {
	inBoth(t, func(t *testing.T, e ends) {
		_ = e.client.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		for {
			if _, err := e.client.Write(make([]byte, 1<<20)); err != nil {
				break
			}
		}
		begun := time.Now()
		_ = e.client.Close()
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestCloseEndsWhatOtherGoroutinesWaitFor(t *testing.T) {
	check := func(what string, f func(c *Conn) error) {
		t.Run(what, func(t *testing.T) {
			inBoth(t, func(t *testing.T, e ends) {
				var wg sync.WaitGroup
				started := make(chan struct{})
				wg.Go(func() {
					close(started)
					if f(e.client) == nil {
						t.Error("it ended well")
					}
				})
				<-started
				time.AfterFunc(20*time.Millisecond, func() { _ = e.client.Close() })
				begun := time.Now()
				wg.Wait()
				if took := time.Since(begun); took > patience {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
	check("reading", func(c *Conn) error { _, err := c.Read(make([]byte, 1)); return err })
	check("writing", func(c *Conn) error {
		for {
			if _, err := c.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
	})
}

func TestRecordsAreFollowedInPiecesOfAnySize(t *testing.T) {
	var stream []byte
	for _, n := range []int{0, 1, 5, 300, 16 << 10} {
		stream = append(stream, 23, 3, 3, byte(n>>8), byte(n))
		stream = append(stream, make([]byte, n)...)
	}
	for _, piece := range []int{1, 2, 3, 4, 5, 6, 7, 100, 1 << 20} {
		var r records
		for rest := stream; len(rest) > 0; {
			n := min(piece, len(rest))
			r.pass(rest[:n])
			rest = rest[n:]
			if r.whole() && len(rest) == 0 {
				break
			}
		}
		if !r.whole() {
			t.Errorf("pieces of %d: not whole at the end", piece)
		}
		r.pass([]byte{23})
		if r.whole() {
			t.Errorf("pieces of %d: whole within a header", piece)
		}
	}
}

func BenchmarkQuiet(b *testing.B) {
	a := securetest.New(b)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	e := ends{Client(near, ClientConfig("x.test", a.Roots())), Server(far, a.Issue("x.test").Server())}
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.server.Handshake() })
	_ = e.client.Handshake()
	wg.Wait()
	b.ReportAllocs()
	for b.Loop() {
		if !e.client.Quiet() {
			b.Fatal("not quiet")
		}
	}
	_, _ = e.client.Close(), e.server.Close()
}
