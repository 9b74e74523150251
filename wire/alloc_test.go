//go:build !race

package wire

import "testing"

func TestAllocsOfAnExchangeAreNone(t *testing.T) {
	var r Request
	var p Response
	var c ChunkReader
	o := outgoing()
	o.Framing, o.ContentLength, o.IdempotencyKey, o.Sequence = Length, 5, []byte(`"key"`), 1
	in := &Incoming{Framing: Length, KeepAlive: true, Minor: 1}
	small, browser, answer := []byte(smallRequest), []byte(browserRequest), []byte(smallResponse)
	rare := []byte("GET http://a.example?b HTTP/1.1\r\nHost: x\r\nConnection: a, Upgrade\r\nA: b\r\nUpgrade: websocket\r\n" +
		"X-Forwarded-For: ::1\r\nForwarded: for=\"[::1]\"\r\nTE: trailers\r\nExpect: 100-continue\r\nVia: 1.1 x\r\nTrailer: X\r\nX-Request-Id: a\r\n\r\n")
	bad := []byte("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n")
	chunked := AppendLastChunk(AppendChunk(nil, []byte("hello")), []byte("X: 1\r\n"))
	dst := make([]byte, 0, 4096)
	got := testing.AllocsPerRun(100, func() {
		for _, head := range [][]byte{small, browser, rare, bad} {
			HeadEnd(head, 0)
			if r.Parse(head) == nil {
				r.Loops("tutti")
				o.Trusted = !o.Trusted
				dst = AppendRequest(dst[:0], &r, o)
			}
		}
		if p.Parse(answer) == nil {
			dst = AppendResponse(dst[:0], &p, in)
		}
		c.Reset()
		for src := chunked; !c.Done(); {
			_, n, _ := c.Next(src)
			src = src[n:]
		}
		dst = AppendLastChunk(AppendChunk(dst[:0], chunked), c.Trailers())
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestAllocsOfAChunkedBodyWithoutTrailersAreNone(t *testing.T) {
	body := AppendLastChunk(AppendChunk(nil, make([]byte, 300)), nil)
	if got := testing.AllocsPerRun(100, func() {
		var c ChunkReader
		for src := body; !c.Done(); {
			_, n, _ := c.Next(src)
			src = src[n:]
		}
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
