package front

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestTheFirstOfTwoPipelinedRequestsIsAnsweredWhileTheSecondHangs(t *testing.T) {
	release := make(chan struct{})
	f := start(t, func(x *Exchange) {
		if string(x.Req.Path) == "/hang" {
			<-release
		}
		echo(x)
	})
	check := func(how, second string) {
		t.Run(how, func(t *testing.T) {
			c := f.dial(t)
			c.send("GET /first HTTP/1.1\r\nHost: x\r\n\r\n" + second)
			c.expect(200, "GET /first  ")
			release <- struct{}{}
			_, _, body := c.answer()
			if !strings.Contains(body, "/hang") {
				t.Errorf("second answer %q", body)
			}
		})
	}
	check("served in the callback", "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
	check("served outside of it", "POST /hang HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
	check("that may upgrade", "GET /hang HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
}

func TestAnswersNeverChangePlaces(t *testing.T) {
	f := start(t, echo)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var feed strings.Builder
	var want []string
	for i := range 200 {
		switch rnd.IntN(5) {
		case 0, 1:
			fmt.Fprintf(&feed, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
			want = append(want, fmt.Sprintf("GET /%d  ", i))
		case 2:
			body := strings.Repeat("b", rnd.IntN(9000))
			fmt.Fprintf(&feed, "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", i, len(body), body)
			want = append(want, fmt.Sprintf("POST /%d %s ", i, body))
		case 3:
			// large enough to be streamed
			body := strings.Repeat("c", wholeBody+1+rnd.IntN(9000))
			fmt.Fprintf(&feed, "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", i, len(body), body)
			want = append(want, fmt.Sprintf("POST /%d %s ", i, body))
		case 4:
			fmt.Fprintf(&feed, "POST /%d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", i)
			var body strings.Builder
			for range rnd.IntN(20) {
				piece := strings.Repeat("d", 1+rnd.IntN(900))
				fmt.Fprintf(&feed, "%x\r\n%s\r\n", len(piece), piece)
				body.WriteString(piece)
			}
			feed.WriteString("0\r\n\r\n")
			want = append(want, fmt.Sprintf("POST /%d %s ", i, body.String()))
		}
	}
	c := f.dial(t)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		rest := feed.String()
		for len(rest) > 0 {
			n := min(len(rest), 1+rnd.IntN(30000))
			if _, err := c.Write([]byte(rest[:n])); err != nil {
				t.Errorf("sending: %v", err)
				return
			}
			rest = rest[n:]
		}
	}()
	for _, w := range want {
		c.expect(200, w)
	}
	<-sent
}

func TestARequestSentWhileTheHandlerRunsIsServed(t *testing.T) {
	handling, sent := make(chan struct{}), make(chan struct{})
	f := start(t, func(x *Exchange) {
		if string(x.Req.Path) == "/slow" {
			handling <- struct{}{}
			<-sent
		}
		echo(x)
	})
	check := func(how, request, want string) {
		t.Run(how, func(t *testing.T) {
			c := f.dial(t)
			for range 20 {
				c.send(request)
				<-handling
				c.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
				sent <- struct{}{}
				c.expect(200, want)
				c.expect(200, "GET /next  ")
			}
		})
	}
	check("in the callback", "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", "GET /slow  ")
	check("outside", "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "GET /slow  ")
}

func TestARequestThatCameWithTheEndOfAStreamedBodyIsServed(t *testing.T) {
	f := start(t, echo)
	body := strings.Repeat("b", 100_000)
	check := func(how, head, rest, want string) {
		t.Run(how, func(t *testing.T) {
			c := f.dial(t)
			c.send(head)
			eventually(t, "the handler runs", func() bool { return f.Stats().Writing == 1 })
			c.send(rest + "GET /next HTTP/1.1\r\nHost: x\r\n\r\n" + "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			c.expect(200, want)
			c.expect(200, "GET /next  ")
			c.expect(200, "GET /last  ")
			c.expectEnd()
			eventually(t, "the connection is gone", func() bool { return f.Stats().Active == 0 })
		})
	}
	check("chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"186a0\r\n"+body+"\r\n0\r\n\r\n", "POST / abc"+body+" ")
	check("chunked, a few bytes", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "c\r\n0\r\n\r\n", "POST / abc ")
	check("with a length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", body, "POST / "+body+" ")
}

func TestAnAnswerIsReadWhileItIsMade(t *testing.T) {
	more := make(chan struct{})
	f := start(t, func(x *Exchange) {
		x.Out = append(x.Out, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"...)
		for range 3 {
			x.Out = append(x.Out, "ab"...)
			if err := x.Flush(); err != nil {
				t.Error(err)
			}
			if !x.Begun() {
				t.Error("not begun")
			}
			<-more
		}
	})
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	for line := ""; line != "\r\n"; {
		line, _ = c.in.ReadString('\n')
	}
	for range 3 {
		if a, err := c.in.ReadByte(); a != 'a' || err != nil {
			t.Fatal(a, err)
		}
		if b, err := c.in.ReadByte(); b != 'b' || err != nil {
			t.Fatal(b, err)
		}
		more <- struct{}{}
	}
}

func TestAnswersLargerThanTheSocketArriveWhole(t *testing.T) {
	const size = 20 << 20
	large := []byte(strings.Repeat("0123456789abcdef", size/16))
	f := start(t, func(x *Exchange) {
		x.Out = fmt.Appendf(x.Out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		if string(x.Req.Path) == "/out" {
			x.Out = append(x.Out, large...)
			return
		}
		if err := x.Write(large); err != nil {
			t.Error(err)
		}
	})
	c := f.dial(t)
	for _, path := range []string{"/write", "/out"} {
		c.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
		eventually(t, "the socket is full", func() bool { return f.any(sending) })
		if _, _, body := c.answer(); body != string(large) {
			t.Errorf("%s: another body", path)
		}
	}
}
