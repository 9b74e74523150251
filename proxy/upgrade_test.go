package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
)

const wantsEcho = "Host: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

// An answer to HEAD has no body, whatever else was asked for: waiting for one held the
// connection to the backend, and the client's next request, until the stream's timeout.
func TestAnUpgradeRefusedToAHeadEndsWithItsHead(t *testing.T) {
	addr := balance(t, nil, newFake(t, func(c net.Conn, r *bufio.Reader) {
		for {
			h, err := readHead(r)
			if err != nil {
				return
			}
			answer := ok("second")
			if strings.HasPrefix(h, "HEAD ") {
				answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
			}
			_, _ = io.WriteString(c, answer)
		}
	}))
	c, r := dial(t, addr)
	send(t, c, "HEAD / HTTP/1.1\r\n"+wantsEcho+"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if h := head(t, r); !strings.Contains(h, "Content-Length: 100\r\n") {
		t.Errorf("got %q", h)
	}
	if body := readBody(r, head(t, r)); string(body) != "second" {
		t.Errorf("got %q", body)
	}
}

func TestAnUpgradeIsTriedOnTheNextBackend(t *testing.T) {
	down := newFake(t, func(net.Conn, *bufio.Reader) {})
	up := newFake(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello")
		}
	})
	addr := balance(t, nil, down, up)
	for range 2 { // each backend has its turn at being first
		if got := talk(t, addr, "GET / HTTP/1.1\r\n"+wantsEcho); !strings.HasPrefix(got, "HTTP/1.1 101 ") || !strings.HasSuffix(got, "hello") {
			t.Errorf("got %q", got)
		}
	}
}

// What was asked for with a body is acted on with its trailers, too.
func TestAnUpgradeKeepsTheTrailersOfItsBody(t *testing.T) {
	got := make(chan string, 1)
	addr := balance(t, nil, newFake(t, func(c net.Conn, r *bufio.Reader) {
		h, _ := readHead(r)
		body, _ := readHead(r)
		got <- h + body
		_, _ = io.WriteString(c, ok("no"))
	}))
	c, r := dial(t, addr)
	send(t, c, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"+wantsEcho+"2\r\nhi\r\n0\r\nX-T: v\r\n\r\n")
	readBody(r, head(t, r))
	if g := <-got; !strings.Contains(g, "Upgrade: echo\r\n") || !strings.HasSuffix(g, "2\r\nhi\r\n0\r\nX-T: v\r\n\r\n") {
		t.Errorf("got %q", g)
	}
}
