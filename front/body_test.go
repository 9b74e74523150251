package front

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"tutti/wire"
)

func TestASmallBodyThatComesInPiecesIsWholeWhenServed(t *testing.T) {
	f := start(t, func(x *Exchange) {
		body, ok := x.Body()
		reply(x, fmt.Sprint(len(body), ok))
	})
	check := func(size int, whole bool) {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := f.dial(t)
			c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size))
			if !whole {
				c.expect(200, "0 false")
				c.expectEnd()
				return
			}
			eventually(t, "the body is waited for", func() bool { return f.Stats().Reading == 1 })
			body := strings.Repeat("b", size)
			c.send(body[:size/2])
			eventually(t, "it still is", func() bool { return f.Stats().Reading == 1 })
			c.send(body[size/2:])
			c.expect(200, fmt.Sprintf("%d true", size))
		})
	}
	check(1, true)
	check(5000, true)
	check(wholeBody, true)
	check(wholeBody+1, false)
}

func TestABodyCutShortIsNeverServedAsWhole(t *testing.T) {
	const chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	check := func(how, request string, wantErr error) {
		t.Run(how, func(t *testing.T) {
			got := make(chan error, 1)
			f := start(t, func(x *Exchange) {
				if body, ok := x.Body(); ok {
					t.Errorf("served with the whole body %q", body)
				}
				_, err := readAll(x, 100)
				if _, again := x.ReadBody(make([]byte, 1)); again != err {
					t.Errorf("then %v", again)
				}
				got <- err
				x.Abort()
			})
			c := f.dial(t)
			c.send(request)
			_ = c.CloseWrite()
			if wantErr != nil {
				if err := <-got; err != wantErr {
					t.Errorf("ReadBody: %v", err)
				}
			}
			_, _ = io.Copy(io.Discard, c)
			eventually(t, "the connection is gone", func() bool { return f.Stats().Active == 0 })
			if refused := f.h.refusals(); wantErr == nil && refused != "[400]" {
				t.Errorf("refusals %s", refused)
			}
		})
	}
	check("a small one is not served at all", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab", nil)
	check("nor is a head", "POST / HTTP/1.1\r\nHost: x\r\nContent-Len", nil)
	check("a large one", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\nab", ErrClientLeft)
	check("inside a chunk", chunked+"3\r\nab", ErrClientLeft)
	check("at a chunk's edge", chunked+"3\r\nabc\r\n", ErrClientLeft)
	check("before the first chunk", chunked, ErrClientLeft)
	check("after the last chunk, before the blank line", chunked+"0\r\n", ErrClientLeft)
	check("inside the trailers", chunked+"0\r\nx-a: 1\r\n", ErrClientLeft)
}

func TestALargeBodyIsStreamed(t *testing.T) {
	const size = 50 << 20
	f := start(t, func(x *Exchange) {
		p := make([]byte, 32<<10)
		total, sum := 0, 0
		for {
			n, err := x.ReadBody(p)
			for _, b := range p[:n] {
				sum += int(b)
			}
			total += n
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Error(err)
				break
			}
		}
		reply(x, fmt.Sprint(total, sum))
	})
	piece := bytes.Repeat([]byte{1}, 1<<20)
	for _, chunked := range []bool{false, true} {
		c := f.dial(t)
		if chunked {
			c.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		} else {
			c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size))
		}
		for range size / len(piece) {
			p := piece
			if chunked {
				p = wire.AppendChunk(nil, piece)
			}
			if _, err := c.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		if chunked {
			c.send("0\r\n\r\n")
		}
		c.expect(200, fmt.Sprint(size, size))
		c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n\x01\x01")
		c.expect(200, "2 2")
	}
}

func TestABodyReadAByteAtATimeIsTheSame(t *testing.T) {
	f := start(t, func(x *Exchange) {
		body, err := readAll(x, 1)
		reply(x, fmt.Sprint(string(body), " ", err))
	})
	c := f.dial(t)
	// with a length, whole here
	c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
	c.expect(200, "abc <nil>")
	// chunked, whole here
	c.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n")
	c.expect(200, "abc <nil>")
	// none at all
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(200, " <nil>")
	// chunked, still coming
	c.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na")
	eventually(t, "it is read", func() bool { return f.any(receiving) })
	c.send("\r\n2\r\nbc\r\n0\r\n\r\n")
	c.expect(200, "abc <nil>")
}

func TestBadChunksOfAStreamedBodyAreTheHandlersToAnswer(t *testing.T) {
	f := start(t, func(x *Exchange) {
		_, err := readAll(x, 100)
		var e *wire.Error
		if !errors.As(err, &e) {
			t.Errorf("ReadBody: %v", err)
			return
		}
		reply(x, fmt.Sprint(e.Status))
	})
	c := f.dial(t)
	c.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
	eventually(t, "it is read", func() bool { return f.any(receiving) })
	c.send("nonsense\r\n" + strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 10_000))
	c.expect(200, "400")
	c.expectEnd()
}

func TestTheClientIsToldToContinueOnceAndOnlyIfItWaits(t *testing.T) {
	f := start(t, func(x *Exchange) {
		for range 2 {
			if err := x.Continue(); err != nil {
				t.Error(err)
			}
		}
		if x.Begun() {
			t.Error("begun")
		}
		body, _ := readAll(x, 100)
		_ = x.Continue()
		reply(x, string(body))
	})
	const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
	c := f.dial(t)
	c.send(head)
	c.expect(100, "")
	c.send("abc")
	c.expect(200, "abc")
	// it did not wait
	c.send(head + "abc")
	c.expect(200, "abc")
	c.send(head + "a")
	eventually(t, "it is read", func() bool { return f.any(receiving) })
	c.send("bc")
	c.expect(200, "abc")
	// HTTP/1.0 has no 100
	c.send("POST / HTTP/1.0\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
	c.send("abc")
	c.expect(200, "abc")
	c.expectEnd()
}

func TestInterimAnswersGoOutAtOnceAndOnlyToHTTP11(t *testing.T) {
	release := make(chan struct{})
	f := start(t, func(x *Exchange) {
		x.Out = append(x.Out, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"...)
		if err := x.Interim(); err != nil || x.Begun() || len(x.Out) > 0 {
			t.Errorf("%v, begun %t, left %q", err, x.Begun(), x.Out)
		}
		<-release
		reply(x, "")
	})
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(103, "")
	release <- struct{}{}
	c.expect(200, "")
	c.send("GET / HTTP/1.0\r\nHost: x\r\n\r\n")
	release <- struct{}{}
	c.expect(200, "")
}

func TestAnEarlyAnswerIsSeenByAClientThatIsStillSending(t *testing.T) {
	f := start(t, func(x *Exchange) { reply(x, "enough") })
	for range 5 {
		c := f.dial(t)
		c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n")
		c.send(strings.Repeat("b", 8_000_000)) // all of it, before reading anything
		c.expect(200, "enough")
		c.expectEnd()
	}
	eventually(t, "they are gone", func() bool { return f.Stats().Active == 0 })
}

func TestCutBodyEndsAReadThatWaits(t *testing.T) {
	f := start(t, func(x *Exchange) {
		done := make(chan error, 1)
		go func() {
			_, err := readAll(x, 100)
			done <- err
		}()
		eventually(t, "it is read", func() bool { return x.c.rx.load().phase() == receiving })
		x.CutBody()
		if err := <-done; err != ErrBodyCut {
			t.Errorf("ReadBody: %v", err)
		}
		if _, err := x.ReadBody(make([]byte, 1)); err != ErrBodyCut {
			t.Errorf("then: %v", err)
		}
		reply(x, "early")
	})
	c := f.dial(t)
	c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\nabc")
	c.expect(200, "early")
	c.expectEnd()
}

func TestCutBodyAfterTheEndChangesNothing(t *testing.T) {
	f := start(t, func(x *Exchange) {
		if _, err := readAll(x, 100); err != nil {
			t.Error(err)
		}
		x.CutBody()
		reply(x, "")
	})
	c := f.dial(t)
	for range 3 {
		c.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na")
		c.send("\r\n0\r\n\r\n")
		c.expect(200, "")
	}
}

func TestAPauseInABodyIsLimitedAndTheWholeIsNot(t *testing.T) {
	check := func(how, head string, size int, p phase) {
		t.Run(how, func(t *testing.T) {
			var slow atomic.Bool
			f := startStill(t, func(x *Exchange) {
				body, ok := x.Body()
				if !ok {
					var err error
					if body, err = readAll(x, 1000); errors.Is(err, ErrClientSlow) {
						slow.Store(true)
						reply(x, "slow")
						return
					}
				}
				reply(x, fmt.Sprint(len(body)))
			})
			c := f.dial(t)
			c.send(head)
			for range size {
				f.noted(t, p)
				f.pass(f.sweeper.client)
				c.send("b")
			}
			c.expect(200, fmt.Sprint(size))
			c.send(head + "b")
			f.noted(t, p)
			f.pass(f.sweeper.client + 1)
			status, _, body := c.answer()
			if slow.Load() && body != "slow" || !slow.Load() && status != 408 {
				t.Errorf("got %d %s", status, body)
			}
			c.expectEnd()
		})
	}
	check("waited for whole", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", 5, arriving)
	check("read by the handler", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 5, receiving)
}
