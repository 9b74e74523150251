//go:build !race

package fanout

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// bareBackend answers every request of a known length with the same bytes and allocates nothing.
func bareBackend(t testing.TB, request int) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go func() {
				defer c.Close()
				r := bufio.NewReaderSize(c, 4096)
				answer := []byte("HTTP/1.1 201 Created\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
				blank := 0
				for {
					b, err := r.ReadByte()
					if err != nil {
						return
					}
					if b == '\n' {
						blank++
					} else if b != '\r' {
						blank = 0
					}
					if blank == 2 {
						blank = 0
						if _, err := r.Discard(request); err != nil {
							return
						}
						if _, err := c.Write(answer); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	return ln.Addr().String()
}

func bareRig(t testing.TB, backends int, change func(*setup)) (write func()) {
	const body = "username=schef&password=example"
	var addrs []string
	for range backends {
		addrs = append(addrs, bareBackend(t, len(body)))
	}
	r := newRig(t, addrs, change)
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	request := []byte(post("/register", body))
	answer := make([]byte, 4096)
	var size int
	write = func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			n, err := c.Read(answer)
			if err != nil {
				t.Fatal(err)
			}
			size = n
			return
		}
		if _, err := io.ReadFull(c, answer[:size]); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 {
		write()
	}
	return write
}

func TestAWriteAllocatesNothing(t *testing.T) {
	inMemory(t)
	for name, change := range map[string]func(*setup){
		"all":          nil,
		"one":          func(s *setup) { s.fanout.Ack, s.fanout.AckEarliest = 1, true },
		"all, in legs": func(s *setup) { s.fanout.AckTimeout = 900 * time.Millisecond },
		"in order":     func(s *setup) { s.fanout.OrderBy, _ = ParseOrderBy("form:username") },
		"by path":      func(s *setup) { s.fanout.OrderBy, _ = ParseOrderBy("path") },
	} {
		t.Run(name, func(t *testing.T) {
			write := bareRig(t, 3, change)
			// An average: the runtime's own goroutines allocate now and then.
			if n := testing.AllocsPerRun(2000, write); n > 0 {
				t.Errorf("%v allocations per write", n)
			}
		})
	}
}

func TestARepeatThatIsAnsweredAllocatesNothing(t *testing.T) {
	inMemory(t)
	a := bareBackend(t, 1)
	r := newRig(t, []string{a}, nil)
	c := r.dial()
	request, answer := []byte(keyedPost("k", "x")), make([]byte, 4096)
	if got := c.do(string(request)); got.status != 201 {
		t.Fatalf("%+v", got)
	}
	repeat := func() {
		if _, err := c.c.Write(request); err != nil {
			t.Fatal(err)
		}
		if n, err := c.c.Read(answer); err != nil || n < 100 {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	for range 200 {
		repeat()
	}
	if n := testing.AllocsPerRun(2000, repeat); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkWriteToThree(b *testing.B) {
	write := bareRig(b, 3, nil)
	b.ReportAllocs()
	for b.Loop() {
		write()
	}
}

func BenchmarkWriteToThreeInOrder(b *testing.B) {
	write := bareRig(b, 3, func(s *setup) { s.fanout.OrderBy, _ = ParseOrderBy("form:username") })
	b.ReportAllocs()
	for b.Loop() {
		write()
	}
}

func BenchmarkWriteToThreeInLegs(b *testing.B) {
	write := bareRig(b, 3, func(s *setup) { s.fanout.AckTimeout = 900 * time.Millisecond })
	b.ReportAllocs()
	for b.Loop() {
		write()
	}
}
