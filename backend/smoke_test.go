package backend

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"tutti/wire"
)

func TestSmoke(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for {
					req, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					io.Copy(io.Discard, req.Body)
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
				}
			}()
		}
	}()
	defer ln.Close()
	b, err := New(ln.Addr().String(), 0, Options{ResponseTimeout: 200 * time.Millisecond}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := NewGroup([]*Backend{b})
	defer g.Close()
	var resp wire.Response
	for i := range 3 {
		c, err := b.Exchange(ForRead, time.Second, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), false, true, nil, &resp)
		if err != nil {
			t.Fatal(err)
		}
		if c.Reused() != (i > 0) {
			t.Error("reused", i, c.Reused())
		}
		p, err := c.NextBody()
		if string(p) != "hello" || err != nil {
			t.Fatal(p, err)
		}
		if _, err = c.NextBody(); err != io.EOF {
			t.Fatal(err)
		}
		c.Release()
	}
	t.Log(b.Stats())
}
