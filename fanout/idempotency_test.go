package fanout

import (
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/clock"
)

// keyedPost is a write with this Idempotency-Key and further field lines.
func keyedPost(key, body string, lines ...string) string {
	var extra strings.Builder
	for _, l := range append([]string{"Idempotency-Key: " + key}, lines...) {
		extra.WriteString(l + "\r\n")
	}
	return strings.Replace(post("/w", body), "\r\n\r\n", "\r\n"+extra.String()+"\r\n", 1)
}

// sameAnswer tells whether two answers are the same but for what Tutti adds itself.
func sameAnswer(a, b clientReply) bool {
	strip := func(r clientReply) map[string][]string {
		h := maps.Clone(map[string][]string(r.header))
		delete(h, "Date")
		return h
	}
	return a.status == b.status && a.body == b.body && maps.EqualFunc(strip(a), strip(b), func(v, w []string) bool {
		return strings.Join(v, "\n") == strings.Join(w, "\n")
	})
}

// applications checks how many writes each fake has got, and that none was applied twice.
func applications(t *testing.T, n int, fakes ...*fake) {
	t.Helper()
	for _, b := range fakes {
		b.mu.Lock()
		got := len(b.got)
		for key, took := range b.took {
			if took != 1 {
				t.Errorf("%s has applied %s %d times", b.name, key, took)
			}
		}
		b.mu.Unlock()
		if got != n {
			t.Errorf("%s got %d requests, want %d", b.name, got, n)
		}
	}
}

// later lets d pass for what is kept.
func later(r *rig, d time.Duration) {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	r.f.ledger.expire(clock.Now() + int64(d))
}

// first is the first write in memory, of which there is one with a journal. Under Fanout.mu.
func (r *rig) first() *write {
	if r.f.ledger.records != nil {
		for _, w := range r.f.ledger.records.bySeq {
			return w
		}
	}
	return r.f.ledger.first
}

// following waits until n repeats wait for the first write there is. owner: its own client does, too.
func following(r *rig, n int, owner bool) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%d repeats wait", n), func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		w := r.first()
		if w == nil || w.news == nil {
			return false
		}
		refs := n
		if owner {
			refs++
		}
		for i := range w.deliveries {
			if !w.deliveries[i].state.done() {
				refs++
			}
		}
		return w.refs == refs
	})
}

func TestAHundredRepeatsAtOnceAreOneWriteWithOneAnswer(t *testing.T) {
	chunked := "POST /w HTTP/1.1\r\nHost: replicas.test\r\nIdempotency-Key: \"k\"\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n"
	for name, f := range map[string]struct {
		first, rest string
		change      func(*setup)
	}{
		"whole":         {keyedPost(`"k"`, "body"), "", nil},
		"streamed":      {chunked, "0\r\n\r\n", nil},
		"one is enough": {keyedPost(`"k"`, "body"), "", func(s *setup) { s.fanout.Ack, s.fanout.AckEarliest = 1, true }},
		"in legs":       {keyedPost(`"k"`, "body"), "", func(s *setup) { s.fanout.AckTimeout = 900 * time.Millisecond }},
		"in order":      {keyedPost(`"k"`, "body"), "", func(s *setup) { s.fanout.OrderBy, _ = ParseOrderBy("path") }},
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			a, b, c := newFake(t, "a", hangUntil(release)), newFake(t, "b", hangUntil(release)), newFake(t, "c", hangUntil(release))
			r := rigOf(t, func(s *setup) {
				s.fanout.AckTimeout = time.Hour // nobody is answered because it is over
				s.backend.ResponseTimeout = time.Hour
				if f.change != nil {
					f.change(s)
				}
			}, a, b, c)
			const n = 100
			answers := make([]clientReply, n)
			var all sync.WaitGroup
			for i := range n {
				c := r.dial()
				_ = c.c.SetDeadline(time.Now().Add(30 * time.Second))
				all.Go(func() {
					c.send(f.first)
					if f.rest != "" {
						<-time.After(time.Millisecond)
						c.send(f.rest)
					}
					var err error
					if answers[i], err = c.read("POST"); err != nil {
						t.Error(err)
					}
				})
			}
			if r.f.o.AckTimeout > time.Second {
				following(r, n-1, true)
			}
			close(release)
			all.Wait()
			again := r.dial()
			again.send(f.first + f.rest)
			last, err := again.read("POST")
			if err != nil || last.status != 201 {
				t.Fatalf("afterwards: %+v, %v", last, err)
			}
			for _, got := range answers {
				if got.status == 202 && r.f.o.AckTimeout < time.Second {
					continue // a busy machine
				}
				if !sameAnswer(got, last) {
					t.Errorf("%+v and %+v", got, last)
				}
			}
			eventually(t, "settled", func() bool { return r.f.Snapshot().Settled == 1 })
			if s := r.f.Snapshot(); s.Accepted != 1 {
				t.Errorf("%+v", s)
			}
			applications(t, 1, a, b, c)
			for _, b := range []*fake{a, b, c} {
				if q := b.requests()[0]; q.key() != `"k"` || q.body != "body" {
					t.Errorf("%s got %q under %s", b.name, q.body, q.key())
				}
			}
		})
	}
}

func TestNobodyGetsAnAnswerGivenToSomebodyElse(t *testing.T) {
	for _, hanging := range []bool{false, true} {
		release := make(chan struct{})
		n := 0
		var mu sync.Mutex
		a := newFake(t, "a", nil)
		a.behave(func(q *fakeRequest) reaction {
			mu.Lock()
			defer mu.Unlock()
			n++
			do := reaction{body: fmt.Sprintf("secret of %s%s %d", q.Header.Get("Authorization"), q.Header.Get("Cookie"), n)}
			if hanging {
				do.hang = release
			}
			return do
		})
		r := rigOf(t, nil, a)
		requests := []string{
			keyedPost("k", "x"),
			keyedPost("k", "x", "Authorization: Basic A"),
			keyedPost("k", "x", "Authorization: Basic B"),
			keyedPost("k", "x", "Authorization:"),
			keyedPost("k", "x", "Cookie: a=1"),
			keyedPost("k", "x", "Cookie: a=1; b=2"),
			keyedPost("k", "x", "Cookie: a=1", "Cookie: b=2"),
			keyedPost("k", "x", "cookie: b=2", "Cookie: a=1"),
			keyedPost("k", "x", "Cookie: Basic A"),
			strings.Replace(keyedPost("k", "x"), "replicas.test", "other.test", 1),
			strings.Replace(keyedPost("k", "x"), "replicas.test", "replicas.tes", 1),
			keyedPost("kk", "x"),
			keyedPost(`"k"`, "x"),
		}
		var clients []*client
		for i, q := range requests {
			c := r.dial()
			c.send(q)
			clients = append(clients, c)
			eventually(t, "it is a write of its own", func() bool { return len(a.requests()) == i+1 })
		}
		close(release)
		seen := map[string]int{}
		for i, c := range clients {
			got, err := c.read("POST")
			if err != nil || got.status != 201 {
				t.Fatalf("%q: %+v, %v", requests[i], got, err)
			}
			if j, ok := seen[got.body]; ok {
				t.Errorf("%q got the answer of %q", requests[i], requests[j])
			}
			seen[got.body] = i
			if again := r.dial().do(requests[i]); !sameAnswer(again, got) {
				t.Errorf("%q again: %+v, not %+v", requests[i], again, got)
			}
		}
		if got := len(a.requests()); got != len(requests) {
			t.Errorf("%d writes of %d", got, len(requests))
		}
	}
}

func TestAnotherRequestUnderAKeyIsRefusedAndForwardedToNobody(t *testing.T) {
	release := make(chan struct{})
	a := newFake(t, "a", hangUntil(release))
	r := rigOf(t, nil, a)
	first := r.dial()
	first.send(keyedPost("k", "body"))
	eventually(t, "it is being sent", func() bool { return len(a.requests()) == 1 })
	others := map[string]string{
		"method":      strings.Replace(keyedPost("k", "body"), "POST", "PUT", 1),
		"target":      strings.Replace(keyedPost("k", "body"), "/w", "/v", 1),
		"query":       strings.Replace(keyedPost("k", "body"), "/w", "/w?", 1),
		"body":        keyedPost("k", "bodY"),
		"no body":     keyedPost("k", ""),
		"streamed":    "POST /w HTTP/1.1\r\nHost: replicas.test\r\nIdempotency-Key: k\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
		"split other": strings.Replace(keyedPost("k", "wbody"), "/w", "/", 1),
	}
	check := func() {
		t.Helper()
		for name, q := range others {
			c := r.dial()
			c.send(q)
			got, err := c.read("POST")
			if err == nil && got.status == 100 {
				c.send("1\r\nx\r\n0\r\n\r\n")
				got, err = c.read("POST")
			}
			if err != nil {
				t.Fatal(name, err)
			}
			refusedWith(t, r, got, 422, "http_request_denied", "key_reused")
			if got.closes {
				t.Errorf("%s: the connection is closed", name)
			}
			if next := c.do(post("/other", "x")); next.status != 201 {
				t.Errorf("%s: the next one: %+v", name, next)
			}
		}
	}
	a.behave(nil)
	a.behave(func(*fakeRequest) reaction { return reaction{} })
	check()
	close(release)
	if got, err := first.read("POST"); err != nil || got.status != 201 {
		t.Fatalf("%+v, %v", got, err)
	}
	check()
	if n := len(a.requests()); n != 1+2*len(others) {
		t.Errorf("the backend got %d", n)
	}
}

func TestARepeatOfA202GetsTheStateAndThenTheAnswer(t *testing.T) {
	release := make(chan struct{})
	a, b := newFake(t, "a", nil), newFake(t, "b", hangUntil(release))
	r := rigOf(t, func(s *setup) { s.fanout.AckTimeout = time.Minute }, a, b)
	c := r.dial()
	first := c.do(keyedPost("k", "x", "Prefer: wait=0"))
	page := first.header.Get("Location")
	if first.status != 202 || page == "" {
		t.Fatalf("%+v", first)
	}
	eventually(t, "a has delivered", func() bool {
		p := pageOf(t, c, page)
		return p.Backends[0].State == "delivered"
	})
	again := c.do(keyedPost("k", "x"))
	if again.status != 202 || again.header.Get("Location") != page || !strings.Contains(again.body, `"state":"delivered"`) {
		t.Errorf("a repeat: %+v", again)
	}
	waiting := r.dial()
	waiting.send(keyedPost("k", "x", "Prefer: wait=90"))
	following(r, 1, false)
	if again := c.do(keyedPost("k", "x", "Prefer: respond-async")); again.status != 202 || again.header.Get("Preference-Applied") != "respond-async" {
		t.Errorf("one in a hurry: %+v", again)
	}
	close(release)
	got, err := waiting.read("POST")
	if err != nil || got.status != 201 || got.header.Get("X-From") != "a" || got.header.Get("Preference-Applied") != "wait=60" {
		t.Errorf("the one that waits: %+v, %v", got, err)
	}
	if again := c.do(keyedPost("k", "x")); again.status != 201 || again.body != got.body {
		t.Errorf("once there is an answer: %+v", again)
	}
	if p := pageOf(t, c, page); p.State != "settled" {
		t.Errorf("%+v", p)
	}
	applications(t, 1, a, b)
}

func TestARepeatOfA502RejoinsTheWrite(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", script(500))
	r := rigOf(t, func(s *setup) { s.fanout.Policy.Attempts = 2 }, a, b)
	c := r.dial()
	id := func(got clientReply) string {
		t.Helper()
		_, after, _ := strings.Cut(got.body, `"id":"`)
		if got.status != 502 || len(after) < 32 {
			t.Fatalf("%+v", got)
		}
		return after[:32]
	}
	first := id(c.do(keyedPost("k", "x")))
	for range 3 {
		if again := id(c.do(keyedPost("k", "x"))); again != first {
			t.Fatalf("%s, then %s", first, again)
		}
	}
	release := make(chan struct{})
	b.behave(hangUntil(release))
	if err := r.f.Retry(first, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is tried again", func() bool { return len(b.requests()) == 3 })
	c.send(keyedPost("k", "x"))
	following(r, 1, false)
	close(release)
	got, err := c.read("POST")
	if err != nil || got.status != 201 || got.body != "done on a" {
		t.Errorf("%+v, %v", got, err)
	}
	if again := c.do(keyedPost("k", "x")); !sameAnswer(again, got) {
		t.Errorf("%+v", again)
	}
	applications(t, 1, a)
	applications(t, 3, b)
}

func TestAWriteThatCantSucceedAnyMoreIs502ForItsRepeatsToo(t *testing.T) {
	inMemory(t)
	a, b := newFake(t, "a", nil), newFake(t, "b", script(409))
	reject, err := ParseStatusSet("409")
	if err != nil {
		t.Fatal(err)
	}
	r := rigOf(t, func(s *setup) { s.fanout.Reject, s.fanout.KeepFor = reject, time.Hour }, a, b)
	c := r.dial()
	for range 3 {
		if got := c.do(keyedPost("k", "x")); got.status != 502 {
			t.Errorf("%+v", got)
		}
	}
	applications(t, 1, a, b)
	b.behave(script(201))
	later(r, time.Hour)
	if got := c.do(keyedPost("k", "x")); got.status != 201 {
		t.Errorf("after the window: %+v", got)
	}
	if s := r.f.Snapshot(); s.Accepted != 2 {
		t.Errorf("%+v", s)
	}
}

func TestWhatAllBackendsRefuseIsKeptAsAnAnswer(t *testing.T) {
	a, b := newFake(t, "a", script(422, 201)), newFake(t, "b", script(422, 201))
	r := rigOf(t, func(s *setup) { s.fanout.Policy.Base, s.fanout.Policy.Max = time.Hour, time.Hour }, a, b)
	c := r.dial()
	first := c.do(keyedPost("k", "x"))
	if first.status != 422 || first.body != "done on a" {
		t.Fatalf("%+v", first)
	}
	if again := c.do(keyedPost("k", "x")); !sameAnswer(first, again) {
		t.Errorf("%+v, then %+v", first, again)
	}
	applications(t, 1, a, b)
}

func TestAfterTheWindowAKeyIsNew(t *testing.T) {
	inMemory(t)
	a := newFake(t, "a", func(q *fakeRequest) reaction { return reaction{body: fmt.Sprint(q.n)} })
	r := rigOf(t, func(s *setup) { s.fanout.KeepFor = 200 * time.Millisecond }, a)
	c := r.dial()
	if got := c.do(keyedPost("k", "x")); got.body != "0" {
		t.Fatalf("%+v", got)
	}
	eventually(t, "it is forgotten", func() bool { return r.f.Snapshot().PendingBytes == 0 })
	// Another request under the key is no contradiction any more.
	if got := c.do(keyedPost("k", "y")); got.status != 201 || got.body != "1" {
		t.Errorf("%+v", got)
	}
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	if n := len(r.f.ledger.byScope); n > 1 {
		t.Errorf("%d scopes are kept", n)
	}
}

func TestKeptAnswersCountAndStayWhileStatesMakeRoom(t *testing.T) {
	inMemory(t)
	a := newFake(t, "a", nil)
	r := rigOf(t, func(s *setup) { s.fanout.MaxPending, s.fanout.KeepFor = 2, time.Hour }, a)
	c := r.dial()
	kept := c.do(keyedPost("k", "x"))
	state := c.do(strings.Replace(post("/w", "x"), "\r\n", "\r\nPrefer: respond-async\r\n", 1))
	if kept.status != 201 || state.status != 202 {
		t.Fatalf("%+v, %+v", kept, state)
	}
	eventually(t, "settled", func() bool { return r.f.Snapshot().Settled == 2 })
	pageOf(t, c, state.header.Get("Location"))
	if got := c.do(keyedPost("l", "x")); got.status != 201 { // for which the state makes room
		t.Fatalf("%+v", got)
	}
	if got := c.do("GET " + state.header.Get("Location") + " HTTP/1.1\r\nHost: a\r\n\r\n"); got.status != 404 {
		t.Errorf("the state's page: %+v", got)
	}
	refusedWith(t, r, c.do(post("/w", "x")), 503, "proxy_internal_error", "pending")
	refusedWith(t, r, c.do(keyedPost("m", "x")), 503, "proxy_internal_error", "pending")
	if again := c.do(keyedPost("k", "x")); !sameAnswer(again, kept) {
		t.Errorf("a repeat past the bound: %+v", again)
	}
	later(r, time.Hour)
	if got := c.do(post("/w", "x")); got.status != 201 {
		t.Errorf("after the window: %+v", got)
	}
	applications(t, 4, a)
}

func TestKeptAnswersCountTheirBytes(t *testing.T) {
	inMemory(t)
	const size = 20_000
	a := newFake(t, "a", func(*fakeRequest) reaction { return reaction{body: strings.Repeat("x", size)} })
	r := rigOf(t, func(s *setup) { s.fanout.MaxPendingBytes, s.fanout.KeepFor = 50_000, time.Hour }, a)
	c := r.dial()
	for i := range 2 {
		if got := c.do(keyedPost(fmt.Sprint(i), "x")); len(got.body) != size {
			t.Fatalf("%+v", got)
		}
		if n := r.f.Snapshot().PendingBytes; n < int64(size*(i+1)) || n > int64((size+200)*(i+1)) {
			t.Errorf("%d bytes are counted for %d answers of %d", n, i+1, size)
		}
	}
	// A third does not fit any more: its status alone, to everybody alike.
	first := c.do(keyedPost("2", "x"))
	if first.status != 201 || first.body != "" || first.header.Get("Proxy-Status") != "tutti; error=http_response_body_size" {
		t.Errorf("%+v", first)
	}
	if again := c.do(keyedPost("2", "x")); !sameAnswer(again, first) {
		t.Errorf("%+v", again)
	}
	refusedWith(t, r, c.do(post("/w", strings.Repeat("y", 10_000))), 503, "proxy_internal_error", "pending_bytes")
	later(r, time.Hour)
	r.settled(3)
	if got := c.do(post("/w", "y")); len(got.body) != size {
		t.Errorf("%+v", got)
	}
}

// Without a window a keyed write is forgotten as soon as it is settled, with whatever answers it had.
func TestWithoutAWindowNothingOfAKeyedWriteIsCounted(t *testing.T) {
	release := make(chan struct{})
	a := newFake(t, "a", script(404, 201))
	b := newFake(t, "b", hangUntil(release))
	r := rigOf(t, func(s *setup) { s.fanout.KeepFor = 0 }, a, b)
	if got := r.dial().do(keyedPost("k", "x", "Prefer: respond-async")); got.status != 202 {
		t.Fatalf("%+v", got)
	}
	eventually(t, "a has refused it and taken it", func() bool { return len(a.requests()) == 2 })
	close(release)
	r.settled(1)
}

func TestAKeptAnswerIsTheSameInEveryForm(t *testing.T) {
	for name, f := range map[string]struct{ raw, method, want string }{
		"chunked with trailers": {"HTTP/1.1 201 Created\r\nX-A: b\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n", "POST", "abcde"},
		"no length":             {"HTTP/1.1 201 Created\r\nX-A: b\r\n\r\nto the end", "POST", "to the end"},
		"no body":               {"HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 0\r\n\r\n", "POST", ""},
		"of a HEAD":             {"HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 10\r\n\r\n", "HEAD", ""},
		"long":                  {"HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("0123456789", 10_000), "POST", strings.Repeat("0123456789", 10_000)},
	} {
		a := newFake(t, "a", func(*fakeRequest) reaction {
			return reaction{raw: f.raw, took: true, close: strings.Contains(name, "no length")}
		})
		r := rigOf(t, nil, a)
		q := strings.Replace(keyedPost("k", ""), "POST", f.method, 1)
		for _, version := range []string{"HTTP/1.1", "HTTP/1.1", "HTTP/1.0"} {
			got := r.dial().do(strings.Replace(q, "HTTP/1.1", version, 1))
			if got.status != 201 || got.header.Get("X-A") != "b" || got.body != f.want {
				t.Errorf("%s: %.200v", name, got)
			}
			if version == "HTTP/1.1" && name == "chunked with trailers" && got.trailer.Get("X-Sum") != "7" {
				t.Errorf("%s: trailers %v", name, got.trailer)
			}
		}
		applications(t, 1, a)
	}
}

func TestClientsWithTheSameKeyMayLeave(t *testing.T) {
	release := make(chan struct{})
	a, b := newFake(t, "a", hangUntil(release)), newFake(t, "b", hangUntil(release))
	r := rigOf(t, nil, a, b)
	owner := r.dial()
	owner.send(keyedPost("k", "x"))
	eventually(t, "it is being sent", func() bool { return len(b.requests()) == 1 })
	var stays, leaves []*client
	for range 5 {
		stays, leaves = append(stays, r.dial()), append(leaves, r.dial())
		stays[len(stays)-1].send(keyedPost("k", "x"))
		leaves[len(leaves)-1].send(keyedPost("k", "x"))
	}
	following(r, 10, true)
	owner.c.Close()
	for i, c := range leaves {
		if i%2 == 0 {
			_ = c.c.(*net.TCPConn).SetLinger(0)
		}
		c.c.Close()
	}
	// Those that repeat it and left are not waited for, though nothing has been answered.
	eventually(t, "they are gone", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.first().refs == 2+1+len(stays)
	})
	close(release)
	for _, c := range stays {
		if got, err := c.read("POST"); err != nil || got.status != 201 || got.body != "done on a" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	applications(t, 1, a, b)
	eventually(t, "all references but the keeping are gone", func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		w := r.first()
		return w == nil && journaled() || w != nil && w.refs == 1
	})
}

func TestRepeatsThatWaitAreTold502WhenWeStop(t *testing.T) {
	inMemory(t)
	never := make(chan struct{})
	a := newFake(t, "a", hangUntil(never))
	r := rigOf(t, nil, a)
	var clients []*client
	for range 5 {
		c := r.dial()
		c.send(keyedPost("k", "x"))
		clients = append(clients, c)
	}
	following(r, 4, true)
	r.f.end()
	for _, c := range clients {
		if got, err := c.read("POST"); err != nil || got.status != 502 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestWhatMayBeAnIdempotencyKey(t *testing.T) {
	a := newFake(t, "a", nil)
	r := rigOf(t, nil, a)
	for i, key := range []string{
		"bare-token_123", `"quoted"`, `"quoted";with=parameters`, "not \"well formed", "\x80\xff", "8e03978e-40d5-43e8-bc93-6894a57f9324",
		strings.Repeat("long", 3000), "a, b",
	} {
		first, again := r.dial().do(keyedPost(key, "x")), r.dial().do(keyedPost(key, "x"))
		if first.status != 201 || !sameAnswer(first, again) {
			t.Errorf("%.40q: %+v, %+v", key, first, again)
		}
		q := a.requests()
		if len(q) != i+1 || q[i].key() != key || len(q[i].Header["Idempotency-Key"]) != 1 {
			t.Fatalf("%.40q: %d deliveries, the last under %.40q", key, len(q), q[len(q)-1].Header["Idempotency-Key"])
		}
	}
	n := len(a.requests())
	for name, q := range map[string]string{
		"empty":          keyedPost("", "x"),
		"blanks":         keyedPost("  \t", "x"),
		"quotes alone":   keyedPost(`""`, "x"),
		"twice":          keyedPost("k", "x", "Idempotency-Key: l"),
		"twice the same": keyedPost("k", "x", "idempotency-KEY: k"),
		"streamed":       "POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key:\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		got := r.dial().do(q)
		refusedWith(t, r, got, 400, "http_request_error", "malformed")
		if !got.closes {
			t.Errorf("%s: the connection goes on", name)
		}
	}
	if got := len(a.requests()); got != n {
		t.Errorf("%d of them were forwarded", got-n)
	}
}
