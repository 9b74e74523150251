//go:build !race && linux && (amd64 || arm64) && !tutti_plain

package front

import (
	"io"
	"runtime/debug"
	"testing"
)

func TestPipesAllocateNothing(t *testing.T) {
	plainOnly(t)
	s := newSource(t)
	body := numbers(90_000)
	f := start(t, func(x *Exchange) {
		appendHead(x, len(body))
		if s.pass(x, body) != nil {
			t.Error("it can't be written")
		}
	})
	c := f.dial(t)
	request, in := []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), make([]byte, len(body)+len("HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n"))
	turn := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c.Conn, in); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		turn()
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	if n := testing.AllocsPerRun(200, turn); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
