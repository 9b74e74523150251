//go:build !race

package front

import (
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

var allocAnswer = []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

func TestAllocNothingPerRequest(t *testing.T) {
	plainOnly(t)
	check := func(how, request string, serve func(x *Exchange)) {
		t.Run(how, func(t *testing.T) {
			f := start(t, func(x *Exchange) {
				serve(x)
				_ = x.KeepAlive()
				_ = x.ClientIP()
				x.Out = append(x.Out, allocAnswer...)
			})
			c := f.dial(t)
			out, in := []byte(request), make([]byte, len(allocAnswer))
			turn := func() {
				if _, err := c.Write(out); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(c.Conn, in); err != nil {
					t.Fatal(err)
				}
			}
			for range 100 {
				turn()
			}
			defer debug.SetGCPercent(debug.SetGCPercent(-1)) // pools are emptied by collections
			if n := testing.AllocsPerRun(1000, turn); n > 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
	h := newHeld()
	p := make([]byte, 1000)
	nothing := func(*Exchange) {}
	check("a read", "GET /a?b HTTP/1.1\r\nHost: example.com\r\nUser-Agent: wrk\r\nAccept: */*\r\n\r\n", func(x *Exchange) {
		x.Hold(h)
		x.Hold(nil)
	})
	check("with a body", "POST /a HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\nabcde", func(x *Exchange) {
		if body, ok := x.Body(); !ok || len(body) != 5 {
			t.Errorf("body %q", body)
		}
	})
	check("with a chunked body", "POST /a HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", nothing)
	check("that is streamed", "POST /a HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nabcde", func(x *Exchange) {
		for {
			if _, err := x.ReadBody(p); err != nil {
				return
			}
		}
	})
	check("outside of the callback", "GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", nothing)
	check("answered in two pieces", "GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n", func(x *Exchange) {
		x.Out = append(x.Out, "HTTP/1.1 103 Early Hints\r\n\r\n"...)
		x.Out = x.Out[:0]
		_ = x.Interim()
	})
	check("looked up by fasthttp", "GET /a HTTP/1.1\r\nHost: example.com\r\nCookie: a=b\r\n\r\n", func(x *Exchange) {
		if len(x.Header().Cookie("a")) != 1 {
			t.Error("no cookie")
		}
	})
}

func TestIdleConnectionsHoldNoBuffers(t *testing.T) {
	plainOnly(t)
	const conns = 2000 // the descriptors of both ends are this process's
	f := start(t, func(x *Exchange) { x.Out = append(x.Out, allocAnswer...) })
	open := make([]net.Conn, 0, conns)
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range conns {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Skipf("cannot open %d connections: %v", conns, err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		open = append(open, c)
	}
	before := memory()
	in := make([]byte, len(allocAnswer))
	for _, c := range open {
		if _, err := c.Write([]byte("GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, in); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all are idle and hold nothing", func() bool {
		return f.Stats().Waiting == conns && !slices.ContainsFunc(f.conns(), func(c *conn) bool { return c.w != nil })
	})
	after := memory()
	t.Logf("%d bytes per connection before its first request, stack included, %d after", before/conns, after/conns)
	if after/conns > 12<<10 {
		t.Errorf("%d bytes per idle connection, both ends and its goroutine included", after/conns)
	}
}

// memory is what is in use after a collection, stacks included.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
