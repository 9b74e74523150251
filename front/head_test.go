package front

import (
	"fmt"
	"strings"
	"testing"
)

func TestAHeadInOneByteWritesSucceeds(t *testing.T) {
	f := start(t, echo)
	c := f.dial(t)
	for range 2 {
		for i, b := range []byte("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nh") {
			c.send(string(b))
			if i == 0 || i == 20 {
				eventually(t, "it is seen", func() bool { return f.Stats().Reading == 1 })
			}
		}
		c.send("i")
		c.expect(200, "POST /a hi ")
	}
}

func TestBlankLinesBeforeARequestAreSkipped(t *testing.T) {
	f := start(t, echo)
	c := f.dial(t)
	c.send("\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(200, "GET /a  ")
	// half of one now, the rest later
	c.send("\r")
	eventually(t, "part of a request is seen", func() bool { return f.Stats().Reading == 1 })
	c.send("\n")
	eventually(t, "a blank line alone leaves it waiting", func() bool { return f.Stats().Waiting == 1 })
	c.send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(200, "GET /b  ")
}

func TestBlankLinesWithoutEndAreRefused(t *testing.T) {
	f := start(t, echo)
	c := f.dial(t)
	c.send(strings.Repeat("\r\n", 9))
	c.expectRefusal(400)
	if got := f.h.refusals(); got != "[400]" {
		t.Errorf("refusals %s", got)
	}
}

func TestWhatIsNotARequestIsRefusedAndTheConnectionClosed(t *testing.T) {
	f := start(t, func(x *Exchange) {
		t.Errorf("the handler saw %q", x.Req.Head)
		reply(x, "")
	})
	check := func(why string, status int, request string) {
		t.Run(why, func(t *testing.T) {
			c := f.dial(t)
			c.send(request)
			c.expectRefusal(status)
		})
	}
	check("a bare LF", 400, "GET / HTTP/1.1\nHost: x\n\n")
	check("a bare LF, with no end of the head in sight", 400, "GET / HTTP/1.1\n")
	check("a bare CR", 400, "GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n")
	check("a NUL", 400, "GET / HTTP/1.1\r\nHost: x\x00\r\n\r\n")
	check("no Host", 400, "GET / HTTP/1.1\r\n\r\n")
	check("two Hosts", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
	check("length and chunked", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	check("two lengths", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
	check("identity", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n")
	check("obs-fold", 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n")
	check("a space in a name", 400, "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n")
	check("a bad chunk that is here", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	check("another version", 505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n")
	check("TLS", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
}

func TestAHeadPastTheLimitIsRefused(t *testing.T) {
	const limit = 5000 // not a power of two, and past the first buffer
	f := start(t, echo, func(o *Options) { o.MaxHeader = limit })
	head := func(size int) string {
		h := "GET /a HTTP/1.1\r\nHost: x\r\nPad: \r\n\r\n"
		return strings.Replace(h, "Pad: ", "Pad: "+strings.Repeat("p", size-len(h)), 1)
	}
	c := f.dial(t)
	c.send(head(limit))
	c.expect(200, "GET /a  ")
	c.send(head(limit + 1))
	c.expectRefusal(431)
	if got := f.h.refusals(); got != "[431]" {
		t.Errorf("refusals %s", got)
	}
	// with no end, however much more there is to come
	c = f.dial(t)
	c.send("GET /a HTTP/1.1\r\nHost: x\r\nPad: " + strings.Repeat("p", 1<<20))
	c.expectRefusal(431)
}

func TestARefusalComesAfterTheAnswersBeforeIt(t *testing.T) {
	f := start(t, echo)
	c := f.dial(t)
	c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(200, "GET /a  ")
	c.expect(200, "GET /b  ")
	c.expectRefusal(400)
}

func TestHeaderIsFasthttpsViewOfTheRequest(t *testing.T) {
	f := start(t, func(x *Exchange) {
		h := x.Header()
		reply(x, fmt.Sprintf("%s %s %t", h.Peek("authorization"), h.Cookie("b"), h == x.Header()))
	})
	c := f.dial(t)
	for i := range 3 {
		c.send(fmt.Sprintf("GET / HTTP/1.1\r\nHost: x\r\nAUTHORIZATION: secret%d\r\nCookie: a=1; b=%d\r\n\r\n", i, i))
		c.expect(200, fmt.Sprintf("secret%d %d true", i, i))
	}
	// larger than its first buffer
	c.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 9000) + "\r\nAuthorization: late\r\n\r\n")
	c.expect(200, "late  true")
}

func TestASlowHeadIsAnswered408(t *testing.T) {
	check := func(name, before, first, trickle string) {
		t.Run(name, func(t *testing.T) {
			f := startStill(t, echo)
			c := f.dial(t)
			if before != "" {
				c.send(before)
				c.expect(200, "GET /a  ")
			}
			c.send(first)
			f.noted(t, heading)
			for range f.sweeper.client {
				c.send(trickle) // the head in all counts
				f.pass(1)
			}
			f.wantIn(t, heading)
			f.pass(1)
			c.expectRefusal(408)
			if got := f.h.refusals(); got != "[408]" {
				t.Errorf("refusals %s", got)
			}
		})
	}
	check("that stops", "", "GET / HTTP/1.1\r\nHos", "")
	check("that trickles", "", "GET / HTTP/1.1\r\nX: ", "x")
	check("after another request", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "GET /b", "")
}

func TestASecondHeadHasItsOwnTime(t *testing.T) {
	f := startStill(t, echo)
	c := f.dial(t)
	for range 3 {
		c.send("GET /a HTTP/1.1\r\n")
		f.noted(t, heading)
		f.pass(f.sweeper.client)
		c.send("Host: x\r\n\r\n")
		c.expect(200, "GET /a  ")
	}
	c.send("GET /a HTTP/1.1\r\n")
	f.noted(t, heading)
	f.pass(f.sweeper.client + 1)
	c.expectRefusal(408)
}
