package fanout

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// refusedWith checks a refusal's form.
func refusedWith(t *testing.T, r *rig, got clientReply, status int, word, reason string) {
	t.Helper()
	if got.status != status || got.header.Get("Proxy-Status") != "tutti; error="+word ||
		got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%+v", got)
	}
	if (status == 503) != (got.header.Get("Retry-After") == "1") {
		t.Errorf("Retry-After of a %d is %q", status, got.header.Get("Retry-After"))
	}
	if want := fmt.Sprintf("tutti_refused_writes_total{reason=%q} ", reason); !strings.Contains(scrapeOf(r), want) || strings.Contains(scrapeOf(r), want+"0\n") {
		t.Errorf("not counted as refused for %q", reason)
	}
}

func TestPastMaxPendingAWriteIsRefusedAndForwardedToNobody(t *testing.T) {
	inMemory(t)
	release := make(chan struct{})
	a, b := newFake(t, "a", hangUntil(release)), newFake(t, "b", nil)
	r := rigOf(t, func(s *setup) { s.fanout.MaxPending = 2 }, a, b)
	first, second, third := r.dial(), r.dial(), r.dial()
	first.send(post("/", "1"))
	second.send(post("/", "2"))
	eventually(t, "both wait", func() bool { return len(a.requests()) == 2 && len(b.requests()) == 2 })
	refusedWith(t, r, third.do(post("/", "3")), 503, "proxy_internal_error", "pending")
	// one with a body still to come is refused before it is asked for
	got := r.dial().do("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	refusedWith(t, r, got, 503, "proxy_internal_error", "pending")
	if !got.closes {
		t.Error("a connection with an unread body goes on")
	}
	close(release)
	for _, c := range []*client{first, second} {
		if got, err := c.read("POST"); err != nil || got.status != 201 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	r.settled(2)
	if got := third.do(post("/", "4")); got.status != 201 {
		t.Errorf("afterwards, on the same connection: %+v", got)
	}
	if na, nb := len(a.requests()), len(b.requests()); na != 3 || nb != 3 {
		t.Errorf("a got %d, b %d", na, nb)
	}
}

func TestABodyStillArrivingCountsAsPending(t *testing.T) {
	a := newFake(t, "a", nil)
	r := rigOf(t, func(s *setup) { s.fanout.MaxPending = 1 }, a)
	slow := r.dial()
	slow.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
	eventually(t, "admitted", func() bool { return r.f.Snapshot().PendingBytes > 0 })
	refusedWith(t, r, r.dial().do(post("/", "x")), 503, "proxy_internal_error", "pending")
	slow.send("0\r\n\r\n")
	if got, err := slow.read("POST"); err != nil || got.status != 201 {
		t.Errorf("%+v, %v", got, err)
	}
	r.settled(1)
}

func TestPastMaxPendingBytesAWriteIsRefusedAndForwardedToNobody(t *testing.T) {
	release := make(chan struct{})
	a := newFake(t, "a", hangUntil(release))
	r := rigOf(t, func(s *setup) { s.fanout.MaxPendingBytes = 100_000 }, a)
	first := r.dial()
	first.send(post("/", strings.Repeat("x", 60_000)))
	eventually(t, "it is held", func() bool { return len(a.requests()) == 1 })
	if n := r.f.Snapshot().PendingBytes; n < 60_000 || n > 60_200 {
		t.Errorf("%d bytes are counted for a body of 60,000", n)
	}
	refusedWith(t, r, r.dial().do(post("/", strings.Repeat("y", 50_000))), 503, "proxy_internal_error", "pending_bytes")
	refusedWith(t, r, r.dial().do("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 50000\r\n\r\n"), 503, "proxy_internal_error", "pending_bytes")
	// chunked: seen while it is read
	c := r.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nc350\r\n" + strings.Repeat("y", 50_000) + "\r\n")
	got, err := c.read("POST")
	if err != nil {
		t.Fatal(err)
	}
	refusedWith(t, r, got, 503, "proxy_internal_error", "pending_bytes")
	if n := len(a.requests()); n != 1 {
		t.Errorf("the backend got %d", n)
	}
	close(release)
	if got, err := first.read("POST"); err != nil || got.status != 201 {
		t.Errorf("%+v, %v", got, err)
	}
	r.settled(1)
}

func TestABodyOfUnknownLengthForWhichThereIsNoRoomAtAllIsRefused(t *testing.T) {
	release := make(chan struct{})
	a := newFake(t, "a", hangUntil(release))
	r := rigOf(t, func(s *setup) { s.fanout.MaxPendingBytes = 100_000 }, a)
	first := r.dial()
	first.send(post("/", strings.Repeat("x", 100_000-step)))
	eventually(t, "it is held", func() bool { return len(a.requests()) == 1 })
	c := r.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ny\r\n")
	got, err := c.read("POST")
	if err != nil {
		t.Fatal(err)
	}
	refusedWith(t, r, got, 503, "proxy_internal_error", "pending_bytes")
	close(release)
	if got, err := first.read("POST"); err != nil || got.status != 201 {
		t.Errorf("%+v, %v", got, err)
	}
	r.settled(1)
}

func TestABodyPastMaxWriteSizeIsRefusedAndForwardedToNobody(t *testing.T) {
	a := newFake(t, "a", nil)
	const most = 100_000
	r := rigOf(t, func(s *setup) { s.fanout.MaxWriteSize = most }, a)
	f := func(raw string, want int) {
		t.Helper()
		c := r.dial()
		go func() { _, _ = c.c.Write([]byte(raw)) }()
		got, err := c.read("POST")
		switch {
		case err != nil:
			t.Error(err)
		case want == 413:
			refusedWith(t, r, got, 413, "http_request_error", "size")
			if !got.closes {
				t.Error("the connection goes on")
			}
		case got.status != want:
			t.Errorf("%+v", got)
		}
	}
	chunked := func(n int) string {
		return fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("x", n))
	}
	f(post("/", strings.Repeat("x", most)), 201)
	f(chunked(most), 201)
	f(post("/", strings.Repeat("x", most+1)), 413)
	f(chunked(most+1), 413)
	f("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", 413)
	f("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n", 413)
	r.settled(2)
	if n := len(a.requests()); n != 2 {
		t.Errorf("the backend got %d", n)
	}
	small := rigOf(t, func(s *setup) { s.fanout.MaxWriteSize = 3 }, a)
	if got := small.dial().do(post("/", "1234")); got.status != 413 { // here already when it is looked at
		t.Errorf("%+v", got)
	}
}

func TestAnAnswerTooLongCountsByItsStatusAndLosesNothing(t *testing.T) {
	long := func(q *fakeRequest) reaction { return reaction{body: strings.Repeat("x", 5000)} }
	a, b := newFake(t, "a", long), newFake(t, "b", nil)
	r := rigOf(t, func(s *setup) { s.fanout.MaxWriteSize = 4999 }, a, b)
	c := r.dial()
	for range 2 {
		// another one's that fits
		if got := c.do(post("/", "x")); got.status != 201 || got.body != "done on b" {
			t.Errorf("%+v", got)
		}
	}
	b.behave(long)
	for range 2 {
		got := c.do(post("/", "x"))
		if got.status != 201 || got.body != "" || got.header.Get("Proxy-Status") != "tutti; error=http_response_body_size" {
			t.Errorf("%+v", got)
		}
	}
	a.behave(func(*fakeRequest) reaction {
		return reaction{raw: "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\ncut short", close: true}
	})
	if got := c.do(post("/", "x")); got.status != 201 || got.header.Get("Proxy-Status") == "" {
		t.Errorf("%+v", got)
	}
	r.settled(5)
	if na, nb := len(a.requests()), len(b.requests()); na != 5 || nb != 5 {
		t.Errorf("a got %d, b %d", na, nb)
	}
}

func TestAnswersComeBackAsTheyWereGiven(t *testing.T) {
	f := func(name, request, raw, wantBody string, wantClose bool) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			a := newFake(t, "a", func(*fakeRequest) reaction {
				return reaction{raw: raw, close: wantClose || strings.Contains(name, "closed")}
			})
			b := newFake(t, "b", nil)
			r := rigOf(t, nil, a, b)
			c := r.dial()
			got := c.do(request)
			if got.status != 201 || got.body != wantBody || got.header.Get("X-Of") != "a" {
				t.Errorf("%+v", got)
			}
			if strings.Contains(raw, "X-Sum") && got.trailer.Get("X-Sum") != "1" {
				t.Errorf("the trailers are %v", got.trailer)
			}
			if got.header.Get("Date") == "" || got.header.Get("X-Hop") != "" || got.closes != wantClose {
				t.Errorf("%v, closes: %v", got.header, got.closes)
			}
			r.settled(1)
		})
	}
	const p = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
	const p0 = "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
	f("length", p, "HTTP/1.1 201 Created\r\nX-Of: a\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 3\r\n\r\nabc", "abc", false)
	f("chunked", p, "HTTP/1.1 201 Created\r\nX-Of: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", false)
	f("chunked with trailers", p, "HTTP/1.1 201 Created\r\nX-Of: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", "abc", false)
	f("closed", p, "HTTP/1.1 201 Created\r\nX-Of: a\r\n\r\nabc", "abc", false)
	f("empty", p, "HTTP/1.1 201 Created\r\nX-Of: a\r\nContent-Length: 0\r\n\r\n", "", false)
	f("1xx before", p, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX-Of: a\r\nContent-Length: 3\r\n\r\nabc", "abc", false)
	f("old client", p0, "HTTP/1.1 201 Created\r\nX-Of: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc", true)
	f("HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 201 Created\r\nX-Of: a\r\nContent-Length: 3\r\n\r\n", "", false)
	f("a large one", p, "HTTP/1.1 201 Created\r\nX-Of: a\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("z", 100_000), strings.Repeat("z", 100_000), false)
	f("old backend", p, "HTTP/1.0 201 Created\r\nX-Of: a\r\nContent-Length: 3\r\n\r\nabc", "abc", false)
}

func TestAnswersThatAreNoneAreFailedAttempts(t *testing.T) {
	for name, raw := range map[string]string{
		"nonsense":             "nonsense\r\n\r\n",
		"two lengths":          "HTTP/1.1 201 Created\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"length and chunked":   "HTTP/1.1 201 Created\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"an upgrade unasked":   "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
		"too many interim":     strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 17) + "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
		"cut inside its head":  "HTTP/1.1 201 Created\r\nContent-Le",
		"nothing at all":       " ",
		"a status that is not": "HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			a := newFake(t, "a", func(q *fakeRequest) reaction {
				if q.n > 1 {
					return reaction{}
				}
				return reaction{raw: raw, close: true}
			})
			b := newFake(t, "b", nil)
			r := rigOf(t, nil, a, b)
			if got := r.dial().do(post("/", "x")); got.status != 201 || got.body != "done on a" {
				t.Errorf("%+v", got)
			}
			r.settled(1)
			if n := len(a.requests()); n != 3 {
				t.Errorf("a got it %d times", n)
			}
			if n := len(b.requests()); n != 1 {
				t.Errorf("b got it %d times", n)
			}
		})
	}
}

func TestTheLongestHeadThatIsOursFitsItsRoom(t *testing.T) {
	a := newFake(t, "a", nil)
	r := rigOf(t, nil, a)
	// a body that is read apart, behind room for the head, and a head that grows by a long Host
	host := strings.Repeat("h", 240)
	body := strings.Repeat("x", 50_000)
	got := r.dial().do(fmt.Sprintf("POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body))
	if got.status != 201 {
		t.Fatalf("%+v", got)
	}
	long := strings.Repeat("h", 2000) // longer than the room: built anew
	if got := r.dial().do(fmt.Sprintf("POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", long, len(body), body)); got.status != 201 && got.status != 400 {
		t.Fatalf("%+v", got)
	}
	for _, q := range a.requests() {
		if q.body != body || len(q.Host) < 240 {
			t.Errorf("%d bytes for host %.20s", len(q.body), q.Host)
		}
	}
}

func TestBuffersAreGivenByTheSmallestClassAndTakenBack(t *testing.T) {
	var p buffers
	for size := 0; size < 70_000; size += 37 {
		b := p.get(size)
		if cap(b.b) < size || len(b.b) != 0 || size > 512 && size <= 1<<maxClass && cap(b.b) >= 2*size {
			t.Fatalf("%d bytes of room for %d", cap(b.b), size)
		}
		p.put(b)
	}
	p.put(nil)
	p.put(&buffer{})
}

func TestAnUpgradeNobodyAskedForIsNoAnswer(t *testing.T) {
	odd := func(q *fakeRequest) reaction {
		if q.n == 1 || q.n == 0 {
			return reaction{}
		}
		return reaction{raw: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"}
	}
	for _, ack := range []time.Duration{900 * time.Millisecond, 10 * time.Second} { // in legs, and in the client's goroutine
		a := newFake(t, "a", odd)
		r := rigOf(t, func(s *setup) { s.fanout.AckTimeout, s.fanout.Policy.Attempts = ack, 1 }, a)
		c := r.dial()
		c.do(post("/", "x"))
		c.do(post("/", "x"))
		if got := c.do(post("/", "x")); got.status != 502 || !strings.Contains(got.body, `"state":"parked","attempts":1,"error":"http_protocol_error"}`) {
			t.Errorf("%+v", got)
		}
	}
}

// As one that is malformed: whoever sent the write, the client's goroutine or, what is longer, a leg.
func TestAnUpgradeNobodyAskedForIsAFailureOfTheBackend(t *testing.T) {
	for name, size := range map[string]int{"inline": 1, "in legs": maxInline + 1} {
		t.Run(name, func(t *testing.T) {
			a := newFake(t, "a", func(q *fakeRequest) reaction {
				if q.n == 0 {
					return reaction{} // on a connection that is kept
				}
				return reaction{raw: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"}
			})
			r := rigOf(t, func(s *setup) {
				s.fanout.Policy.Attempts, s.backend.EjectAfter, s.backend.EjectFor = 2, 2, time.Hour
			}, a)
			c := r.dial()
			if got := c.do(post("/", "x")); got.status != 201 {
				t.Fatalf("%+v", got)
			}
			if got := c.do(post("/", strings.Repeat("x", size))); got.status != 502 {
				t.Errorf("%+v", got)
			}
			page := scrapeOf(r)
			of := fmt.Sprintf("{backend=%q", a.addr)
			for _, want := range []string{
				"tutti_backend_requests_total" + of + `,code="error"} 2`,
				"tutti_backend_ejections_total" + of + "} 1",
			} {
				if !strings.Contains(page, want+"\n") {
					t.Errorf("no %s", want)
				}
			}
			if strings.Contains(page, `code="101"`) {
				t.Error("it counts as an answer")
			}
		})
	}
}

// What backends answer while others are still waited for is held, and counts: many clients that
// wait must not take it past the bound.
func TestAnswersThatWaitForOthersStayWithinMaxPendingBytes(t *testing.T) {
	const clients, size, most = 20, 100_000, 500_000
	answer, release := make(chan struct{}), make(chan struct{})
	large := strings.Repeat("x", size)
	a := newFake(t, "a", func(*fakeRequest) reaction { return reaction{code: 201, body: large, hang: answer} })
	b := newFake(t, "b", func(*fakeRequest) reaction { return reaction{code: 201, body: large, hang: release} })
	r := rigOf(t, func(s *setup) { s.fanout.MaxPendingBytes = most }, a, b)
	var cs []*client
	for range clients {
		c := r.dial()
		c.send(post("/", "x"))
		cs = append(cs, c)
	}
	eventually(t, "both have all", func() bool { return len(a.requests()) == clients && len(b.requests()) == clients })
	close(answer)
	eventually(t, "a's are delivered", func() bool { return r.f.Snapshot().Backends[0].Owed == 0 })
	if n := r.f.Snapshot().PendingBytes; n > most || n < 4*size {
		t.Errorf("%d bytes are held, at most %d may be", n, most)
	}
	close(release)
	for i, c := range cs {
		// b's is passed on at once: it does not wait for anybody
		if got, err := c.read("POST"); err != nil || got.status != 201 || got.body != large {
			t.Errorf("%d: %d %d bytes %v, %v", i, got.status, len(got.body), got.header, err)
		}
	}
	r.settled(clients)
}

// What a client is slow to take is in memory as long, and counts: new writes have to wait for it.
func TestALargeAnswerCountsWhileItsClientTakesIt(t *testing.T) {
	const size = 32 << 20 // more than the sockets hold
	body := strings.Repeat("x", size)
	a := newFake(t, "a", func(*fakeRequest) reaction { return reaction{body: body} })
	r := rigOf(t, func(s *setup) { s.fanout.MaxWriteSize, s.fanout.MaxPendingBytes = size+1024, size+2048 }, a)
	slow := r.dial()
	slow.send(post("/", "x"))
	eventually(t, "it is settled, and its answer counts", func() bool {
		s := r.f.Snapshot()
		return s.Settled == 1 && s.PendingBytes >= size
	})
	c := r.dial()
	if got := c.do(post("/", strings.Repeat("y", 4096))); got.status != 503 {
		t.Errorf("without room: %d, %v", got.status, got.header)
	}
	if got, err := slow.read("POST"); err != nil || got.body != body {
		t.Errorf("the slow client's answer: %d bytes, %v", len(got.body), err)
	}
	eventually(t, "nothing counts", func() bool { return r.f.Snapshot().PendingBytes == 0 })
}
