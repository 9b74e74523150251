package backend

import (
	"net"
	"sync"
	"testing"

	"tutti/wire"
)

// echo answers every Read with answer, as cheaply as it can.
func echo(t testing.TB, answer string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	end := make(chan struct{})
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { <-end; _ = c.Close() })
			all.Go(func() {
				buf := make([]byte, 4096)
				out := []byte(answer)
				for {
					if _, err := c.Read(buf); err != nil {
						return
					}
					if _, err := c.Write(out); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); close(end); all.Wait() })
	return ln.Addr().String()
}

func BenchmarkExchange(b *testing.B) {
	be := newBackend(b, echo(b, string(ok)), nil)
	req := []byte(get)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		var resp wire.Response
		for p.Next() {
			c, err := be.Exchange(ForRead, 0, req, false, true, nil, &resp)
			if err != nil {
				b.Error(err)
				return
			}
			for {
				if _, err := c.NextBody(); err != nil {
					break
				}
			}
			c.Release()
		}
	})
}
