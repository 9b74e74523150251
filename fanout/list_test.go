package fanout

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tutti/retry"
)

// Whoever lists stops as soon as all there can be were seen.
func TestAListByStateHasAllOfThatStateInOrder(t *testing.T) {
	good := newFake(t, "good", nil)
	bad := newFake(t, "bad", func(r *fakeRequest) reaction {
		switch r.URL.Path {
		case "/parked":
			return reaction{code: 500}
		case "/pending":
			return reaction{hang: t.Context().Done()}
		}
		return reaction{}
	})
	r := rigOf(t, func(s *setup) {
		s.fanout.Policy = retry.Policy{Base: time.Millisecond, Max: time.Millisecond, Attempts: 2}
	}, good, bad)
	want := map[string][]uint64{}
	c := r.dial()
	for i := range 15 {
		state := []string{"parked", "pending", "settled"}[i%3]
		request := post("/"+state, "x")
		if state == "pending" {
			request = "POST /pending HTTP/1.1\r\nHost: a\r\nPrefer: respond-async\r\nContent-Length: 1\r\n\r\nx"
		}
		if got := c.do(request); got.status != map[string]int{"parked": 502, "pending": 202, "settled": 201}[state] {
			t.Fatalf("%+v", got)
		}
		r.f.mu.Lock()
		want[state] = append(want[state], r.f.ledger.seq)
		r.f.mu.Unlock()
	}
	eventually(t, "five are parked, five pending", func() bool {
		s := r.f.Snapshot()
		return s.Parked == 5 && s.Pending == 5 && len(r.f.List(Filter{Backend: good.addr})) == 0
	})
	for _, state := range []string{"parked", "pending"} {
		for limit := 1; limit <= 6; limit++ {
			var got []uint64
			for after, pages := uint64(0), 0; pages < 20; pages++ {
				page := r.f.List(Filter{State: state, Limit: limit, After: after})
				for _, v := range page {
					got, after = append(got, v.Sequence), v.Sequence
				}
				if len(page) < limit {
					break
				}
			}
			if !slices.Equal(got, want[state]) {
				t.Errorf("%s by %d: %v, not %v", state, limit, got, want[state])
			}
		}
		if got := r.f.List(Filter{State: state, Backend: good.addr}); len(got) != 0 {
			t.Errorf("%s: the good one is owed %v", state, got)
		}
		if got := r.f.List(Filter{State: state, Backend: bad.addr}); len(got) != 5 {
			t.Errorf("%s: the bad one is owed %d", state, len(got))
		}
	}
	if all := r.f.List(Filter{}); len(all) < 10 {
		t.Errorf("%d of all", len(all))
	}
}

// BenchmarkListOfManyPending is what a page costs others: the lock is held meanwhile.
func BenchmarkListOfManyPending(b *testing.B) {
	for _, state := range []string{"", "pending", "parked"} {
		b.Run(fmt.Sprintf("state=%s", state), func(b *testing.B) {
			r := newRig(b, []string{"127.0.0.1:1"}, func(s *setup) {
				s.fanout.MaxPending, s.fanout.MaxPendingBytes = 1<<20, 1<<40
			})
			r.f.mu.Lock()
			for range 100_000 {
				w := new(write)
				w.begin(r.f.deliverers)
				w.line, w.methodN = []byte("POST /w"), 4
				r.f.ledger.arriving++
				r.f.ledger.accept(w, 0)
			}
			r.f.mu.Unlock()
			for b.Loop() {
				r.f.List(Filter{State: state, Limit: 25})
			}
			r.f.mu.Lock()
			r.f.ledger.pending = 0
			r.f.mu.Unlock()
		})
	}
}
