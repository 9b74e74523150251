package proxy

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"testing"
)

// bare answers whatever arrives in one piece and allocates nothing.
func bare(answer string) script {
	return func(c net.Conn, _ *bufio.Reader) {
		in, out := make([]byte, 4096), []byte(answer)
		for {
			if _, err := c.Read(in); err != nil {
				return
			}
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}
}

const bareDate = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"

func BenchmarkRead(b *testing.B) {
	const answer = "HTTP/1.1 200 OK\r\n" + bareDate + "Content-Length: 2\r\n\r\nok"
	read := benchmarkRead(b, answer)
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
}

func BenchmarkReadOf64KiB(b *testing.B) { benchmarkReadOf(b, 64<<10) }

func BenchmarkReadOf1MiB(b *testing.B) { benchmarkReadOf(b, 1<<20) }

func benchmarkReadOf(b *testing.B, size int) {
	read := benchmarkRead(b, withLength(size))
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
}

// withLength is an answer with a body of so many bytes.
func withLength(size int) string {
	return "HTTP/1.1 200 OK\r\n" + bareDate + "Content-Length: " + strconv.Itoa(size) + "\r\n\r\n" + numbers(size)
}

// benchmarkRead is one request on an open connection to a balancer before three backends, and its answer.
func benchmarkRead(b testing.TB, answer string) func() {
	f := func() *fake { return newFake(b, bare(answer)) }
	addr := balance(b, nil, f(), f(), f())
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	request := []byte("GET /login HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: wrk\r\nAccept: */*\r\n\r\n")
	in := make([]byte, len(answer)) // whose fields all pass
	read := func() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, in); err != nil {
			b.Fatal(err)
		}
	}
	for range 30 { // a connection to each backend
		read()
	}
	if string(in) != answer {
		b.Fatalf("got %.200q", in)
	}
	return read
}
