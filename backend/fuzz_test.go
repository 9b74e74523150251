//go:build unix

package backend

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"tutti/wire"
)

// FuzzAnswer feeds the bytes of an answer at once and in pieces: both must end, and alike.
func FuzzAnswer(f *testing.F) {
	const end = "\r\n\r\n"
	for _, s := range []string{
		string(ok),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + end + "3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nA: b" + end,
		"HTTP/1.1 100 Continue" + end + "HTTP/1.1 103 Early Hints\r\nLink: </a>" + end + string(ok),
		"HTTP/1.0 200 OK" + end + "until the end",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5" + end,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x" + end + "first",
		"HTTP/1.1 200 OK\r\nContent-Length: 9" + end + "short",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3" + end + "abc",
		"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 5000) + "\r\nTransfer-Encoding: chunked" + end + "1388\r\n" + strings.Repeat("b", 5000) + "\r\n0" + end,
		"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		strings.Repeat("HTTP/1.1 102 Processing"+end, 17),
		"",
	} {
		f.Add([]byte(s), false, uint64(1))
		f.Add([]byte(s), true, uint64(2))
	}
	b := newBackend(f, "127.0.0.1:1", nil)
	f.Fuzz(func(t *testing.T, answer []byte, head bool, seed uint64) {
		whole := feed(t, b, answer, head, nil)
		split := feed(t, b, answer, head, rand.New(rand.NewPCG(seed, 0)))
		if whole != split {
			t.Errorf("at once: %s\nin pieces: %s", whole, split)
		}
		if s := b.Stats(); s.Active != 0 {
			t.Fatalf("%+v", s)
		}
	})
}

// feed makes an exchange that is answered with these bytes and then closed, and tells what
// came of it.
func feed(t *testing.T, b *Backend, answer []byte, head bool, r *rand.Rand) string {
	t.Helper()
	near, far := pair(t)
	if g, _ := b.pool.take(ForRead, true); !g.dial {
		t.Fatal("no slot")
	}
	c, err := b.fill(near, ForRead)
	if err != nil {
		t.Fatal(err)
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		defer far.Close()
		if _, err := io.ReadFull(far, make([]byte, len(get))); err != nil {
			return
		}
		for rest := answer; len(rest) > 0; {
			n := len(rest)
			if r != nil {
				n = 1 + r.IntN(min(n, 1+r.IntN(300)))
			}
			if _, err := far.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
			runtime.Gosched()
		}
	}()
	said, err := converse(c, head)
	if err == ErrTimeout {
		t.Errorf("it hung: %s", said)
	}
	c.Release()
	<-fed
	for c := b.Idle(ForRead); c != nil; c = b.Idle(ForRead) {
		c.Close()
	}
	return said
}

// converse receives everything and writes it down.
func converse(c *Conn, head bool) (string, error) {
	var said strings.Builder
	var resp wire.Response
	err := c.SendReceive([]byte(get), head, &resp)
	for err == nil {
		fmt.Fprintf(&said, "%d %q ", resp.Status, resp.Head)
		if resp.Status >= 200 || resp.Status == 101 {
			break
		}
		err = c.Receive(head, &resp)
	}
	if err == nil {
		var body string
		body, err = readBody(c)
		fmt.Fprintf(&said, "%q %q ", body, c.Trailers())
	}
	fmt.Fprintf(&said, "%v", err)
	return said.String(), err
}

// pair is two ends of a connection that has no port.
func pair(t *testing.T) (near socket, far net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		ends[i], err = net.FileConn(file)
		_ = file.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return ends[0].(socket), ends[1]
}
