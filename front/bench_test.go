package front

import (
	"io"
	"testing"
)

func BenchmarkKeepAliveRequest(b *testing.B) {
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	f := start(b, func(x *Exchange) { x.Out = append(x.Out, answer...) })
	c := f.dial(b)
	request := []byte("GET /login HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: wrk\r\nAccept: */*\r\n\r\n")
	in := make([]byte, len(answer))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c.Conn, in); err != nil {
			b.Fatal(err)
		}
	}
}
