package front

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"testing"
	"time"

	"tutti/wire"
)

// FuzzFront feeds bytes in random splits: nothing hangs or panics, and what comes back is
// what comes back for the same bytes in one piece.
func FuzzFront(f *testing.F) {
	plainOnly(f)
	const get = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, seed := range []string{
		get,
		get + get + "\r\n" + get,
		"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + get,
		"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-a: b\r\n\r\n" + get,
		"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n" + get,
		"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc" + get,
		"GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + get,
		"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get,
		"GET / HTTP/1.1\nHost: x\n\n",
		"\r\r\n\r\n" + get,
	} {
		f.Add([]byte(seed), uint64(1))
	}
	fix := start(f, fuzzed, func(o *Options) { o.MaxHeader = 300 })
	f.Fuzz(func(t *testing.T, feed []byte, seed uint64) {
		whole := exchange(t, fix, feed, nil)
		split := exchange(t, fix, feed, rand.New(rand.NewPCG(seed, 0)))
		if !bytes.Equal(whole, split) {
			t.Errorf("in one piece %q\nsplit %q", whole, split)
		}
	})
}

// fuzzed answers the same however the body came.
func fuzzed(x *Exchange) {
	body, ok := x.Body()
	if !ok {
		var err error
		body, err = readAll(x, 7)
		var bad *wire.Error
		switch {
		case errors.As(err, &bad):
			x.c.refusal = bad
			x.c.answerRefusal()
			x.CloseAfter()
			return
		case err != nil:
			x.Abort() // not begun: closed without an answer
			return
		}
	}
	// a streamed request and one that is whole differ in nothing but whether the connection is kept
	x.Out = fmt.Appendf(x.Out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s %s", len(body), x.Req.Path, body)
}

var changing = regexp.MustCompile(`Date: [^\r]*\r\n`)

// exchange sends feed, in random pieces if rnd is not nil, and returns what comes back.
func exchange(t *testing.T, f *fixture, feed []byte, rnd *rand.Rand) []byte {
	nc, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Skip(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for rest := feed; len(rest) > 0; {
			n := len(rest)
			if rnd != nil {
				n = 1 + rnd.IntN(min(n, 20))
			}
			if _, err := nc.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
		_ = nc.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(nc)
	<-sent
	if err != nil {
		t.Fatalf("after %q: %v", got, err)
	}
	return changing.ReplaceAll(got, nil)
}
