package fanout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestDrainWaitsUntilNothingIsPendingAndIgnoresWhatIsParked(t *testing.T) {
	inMemory(t)
	release := make(chan struct{})
	a, b := newFake(t, "a", nil), newFake(t, "b", hangUntil(release))
	bad := newFake(t, "bad", script(500))
	r := rigOf(t, func(s *setup) { s.fanout.Ack, s.fanout.Policy.Attempts = 1, 1 }, a, b, bad)
	c := r.dial()
	if got := c.do(post("/", "x")); got.status != 201 {
		t.Fatalf("%+v", got)
	}
	drained := make(chan error, 1)
	go func() { drained <- r.f.Drain(t.Context()) }()
	select {
	case err := <-drained:
		t.Fatalf("drained with a write pending: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	// during the drain, writes are still taken
	if got := c.do(post("/", "y")); got.status != 201 {
		t.Fatalf("%+v", got)
	}
	close(release)
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	if err := r.f.Drain(t.Context()); err != nil {
		t.Fatal("a second one:", err)
	}
	_ = r.front.Close()
	first, total := r.f.Close()
	if total != 2 || len(first) != 2 || len(first[0].Backends) != 1 || first[0].Backends[0] != bad.addr || len(first[0].ID) != 32 {
		t.Errorf("abandoned: %+v, %d", first, total)
	}
	if again, n := r.f.Close(); again != nil || n != 0 {
		t.Error("a second Close abandons again")
	}
}

func TestWhenTheDrainsTimeIsOverWaitingClientsAreToldAndNewWritesRefused(t *testing.T) {
	inMemory(t)
	never := make(chan struct{})
	a, b := newFake(t, "a", nil), newFake(t, "b", hangUntil(never))
	r := rigOf(t, nil, a, b)
	waiting := r.dial()
	waiting.send(post("/", "x"))
	eventually(t, "a has taken it and b has it", func() bool {
		return r.f.Snapshot().Backends[0].Owed == 0 && len(a.requests()) == 1 && len(b.requests()) == 1
	})
	other := r.dial()
	other.do("GET /-/writes/0 HTTP/1.1\r\nHost: a\r\n\r\n")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := r.f.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain: %v", err)
	}
	got, err := waiting.read("POST")
	if err != nil || got.status != 502 || !strings.Contains(got.body, `"state":"delivered"`) || !strings.Contains(got.body, `"state":"sending"`) ||
		got.header.Get("Proxy-Status") != "tutti; error=destination_unavailable" {
		t.Errorf("%+v, %v", got, err)
	}
	refusedWith(t, r, other.do(post("/", "y")), 503, "destination_unavailable", "draining")
	refusedWith(t, r, other.do(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n%s", strings.Repeat("x", 90_000))), 503, "destination_unavailable", "draining")

	_ = r.front.Close()
	start := time.Now()
	first, total := r.f.Close()
	if took := time.Since(start); took > 4500*time.Millisecond { // it is given up after 5 s
		t.Errorf("Close took %v with a backend hanging", took)
	}
	if total != 1 || len(first[0].Backends) != 1 || first[0].Backends[0] != b.addr {
		t.Errorf("abandoned: %+v", first)
	}
	if s := r.f.Snapshot(); s.Accepted != 1 || s.Pending != 1 {
		t.Errorf("%+v", s)
	}
}

func TestCloseNamesTheFirstThousandOfWhatItAbandons(t *testing.T) {
	inMemory(t)
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	b.down()
	r := rigOf(t, func(s *setup) { s.fanout.Ack = 1 }, a, b)
	c := r.dial()
	const n = maxAbandoned + 5
	for range n / 5 {
		c.send(strings.Repeat(post("/", "x"), 5))
		for range 5 {
			if got, err := c.read("POST"); err != nil || got.status != 201 {
				t.Fatalf("%+v, %v", got, err)
			}
		}
	}
	_ = r.front.Close()
	first, total := r.f.Close()
	if total != n || len(first) != maxAbandoned {
		t.Errorf("%d named of %d, want %d of %d", len(first), total, maxAbandoned, n)
	}
	ids := map[string]bool{}
	for _, w := range first {
		ids[w.ID] = true
	}
	if len(ids) != maxAbandoned {
		t.Errorf("%d different ids", len(ids))
	}
}

func TestCloseInTheMidstOfEverythingEndsEveryGoroutine(t *testing.T) {
	inMemory(t)
	for range 5 {
		a, b := newFake(t, "a", nil), newFake(t, "b", func(q *fakeRequest) reaction {
			if q.n%3 == 0 {
				return reaction{code: 500}
			}
			return reaction{}
		})
		r := rigOf(t, func(s *setup) { s.fanout.Ack = 1 }, a, b)
		stop := make(chan struct{})
		done := make(chan struct{})
		for range 4 {
			c := r.dial()
			go func() {
				defer func() { done <- struct{}{} }()
				for {
					select {
					case <-stop:
						return
					default:
					}
					if _, err := c.c.Write([]byte(post("/", "x"))); err != nil {
						return
					}
					if _, err := c.read("POST"); err != nil {
						return
					}
				}
			}()
		}
		<-time.After(20 * time.Millisecond)
		_ = r.front.Close()
		_, total := r.f.Close()
		close(stop)
		for range 4 {
			<-done
		}
		s := r.f.Snapshot()
		if s.Accepted != s.Settled+s.Pending+s.Parked || uint64(total) != s.Pending+s.Parked {
			t.Errorf("%+v with %d abandoned", s, total)
		}
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	a := newFake(t, "a", nil)
	r := rigOf(t, nil, a)
	good := r.f.o
	for name, change := range map[string]func(*Options){
		"Group":           func(o *Options) { o.Group = nil },
		"Metrics":         func(o *Options) { o.Metrics = nil },
		"Success":         func(o *Options) { o.Success = StatusSet{} },
		"Reject":          func(o *Options) { o.Reject = set(t, "200-299") },
		"Ack 0":           func(o *Options) { o.Ack = 0 },
		"Ack 2 of 1":      func(o *Options) { o.Ack = 2 },
		"AckTimeout":      func(o *Options) { o.AckTimeout = 0 },
		"MaxPending":      func(o *Options) { o.MaxPending = 0 },
		"MaxPendingBytes": func(o *Options) { o.MaxPendingBytes = 0 },
		"MaxWriteSize":    func(o *Options) { o.MaxWriteSize = -1 },
		"KeepFor":         func(o *Options) { o.KeepFor = -1 },
		"base":            func(o *Options) { o.Policy.Base = -1 },
	} {
		o := good
		change(&o)
		f, err := New(o)
		if err == nil {
			f.Close()
			t.Errorf("%s: no error", name)
			continue
		}
		if word, _, _ := strings.Cut(name, " "); !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
