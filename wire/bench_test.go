package wire

import (
	"bytes"
	"fmt"
	"testing"
)

const smallRequest = "GET /login HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"

const browserRequest = "GET /account/settings?tab=security&lang=en HTTP/1.1\r\n" +
	"Host: www.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
	"Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Referer: https://www.example.com/account\r\n" +
	"Connection: keep-alive\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n" +
	"Upgrade-Insecure-Requests: 1\r\n" +
	"Sec-Fetch-Dest: document\r\n" +
	"Sec-Fetch-Mode: navigate\r\n" +
	"Sec-Fetch-Site: same-origin\r\n" +
	"Sec-Fetch-User: ?1\r\n" +
	"Priority: u=0, i\r\n" +
	"Cache-Control: max-age=0\r\n\r\n"

const smallResponse = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 23 Nov 2026 10:57:12 GMT\r\n" +
	"Content-Type: text/plain\r\nContent-Length: 21\r\nConnection: keep-alive\r\n\r\n"

var requests = map[string]string{"small": smallRequest, "browser": browserRequest}

func outgoing() *Outgoing {
	return &Outgoing{Pseudonym: "tutti-0123abcd", ClientIP: "127.0.0.1", Proto: "http", RequestID: [16]byte{1, 2, 3}}
}

func benchmarkRequests(b *testing.B, f func(b *testing.B, head []byte)) {
	for _, name := range []string{"small", "browser"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(requests[name])))
			f(b, []byte(requests[name]))
		})
	}
}

func BenchmarkHeadEnd(b *testing.B) {
	benchmarkRequests(b, func(b *testing.B, head []byte) {
		for b.Loop() {
			if end, _, err := HeadEnd(head, 0); end != len(head) || err != nil {
				b.Fatal(end, err)
			}
		}
	})
}

func BenchmarkParseRequest(b *testing.B) {
	benchmarkRequests(b, func(b *testing.B, head []byte) {
		var r Request
		for b.Loop() {
			if err := r.Parse(head); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendRequest(b *testing.B) {
	benchmarkRequests(b, func(b *testing.B, head []byte) {
		var r Request
		if err := r.Parse(head); err != nil {
			b.Fatal(err)
		}
		o, dst := outgoing(), make([]byte, 0, 4096)
		for b.Loop() {
			dst = AppendRequest(dst[:0], &r, o)
		}
	})
}

func BenchmarkParseResponse(b *testing.B) {
	b.ReportAllocs()
	var p Response
	head := []byte(smallResponse)
	for b.Loop() {
		if err := p.Parse(head); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendResponse(b *testing.B) {
	b.ReportAllocs()
	var p Response
	if err := p.Parse([]byte(smallResponse)); err != nil {
		b.Fatal(err)
	}
	o, dst := &Incoming{Framing: Length, KeepAlive: true, Minor: 1}, make([]byte, 0, 4096)
	for b.Loop() {
		dst = AppendResponse(dst[:0], &p, o)
	}
}

func BenchmarkChunks(b *testing.B) {
	for _, size := range []int{16, 4096} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.ReportAllocs()
			var body []byte
			for range 16 {
				body = AppendChunk(body, bytes.Repeat([]byte("x"), size))
			}
			body = AppendLastChunk(body, nil)
			b.SetBytes(int64(len(body)))
			var c ChunkReader
			for b.Loop() {
				c.Reset()
				for src := body; !c.Done(); {
					_, n, err := c.Next(src)
					if err != nil {
						b.Fatal(err)
					}
					src = src[n:]
				}
			}
		})
	}
}
