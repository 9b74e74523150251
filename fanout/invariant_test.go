package fanout

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// faults answers at random: seeded, so that a failure can be looked at again.
type faults struct {
	mu  sync.Mutex
	rnd *rand.Rand
	off atomic.Bool
}

func (f *faults) react(*fakeRequest) reaction {
	if f.off.Load() {
		return reaction{}
	}
	f.mu.Lock()
	p, d := f.rnd.IntN(100), time.Duration(f.rnd.IntN(3000))*time.Microsecond
	f.mu.Unlock()
	late := make(chan struct{})
	switch {
	case p < 60:
		return reaction{}
	case p < 70:
		return reaction{code: 500}
	case p < 74:
		return reaction{raw: "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno"}
	case p < 78:
		return reaction{close: true}
	case p < 82:
		return reaction{reset: true}
	case p < 85:
		return reaction{raw: "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\ncut", close: true, took: true}
	case p < 86:
		return reaction{hang: make(chan struct{})}
	default:
		time.AfterFunc(d, func() { close(late) })
		return reaction{hang: late}
	}
}

// accepted = settled + pending + parked at every look, and in the end each backend has each
// write, whatever happens in between.
func TestTheSumsHoldAndEveryBackendGetsEveryWriteUnderRandomFaults(t *testing.T) {
	for _, ack := range []string{"all", "quorum", "one"} {
		t.Run(ack, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			var fs []*faults
			var fakes []*fake
			for i := range 3 {
				f := &faults{rnd: rand.New(rand.NewPCG(seed, uint64(i)))}
				fs = append(fs, f)
				fakes = append(fakes, newFake(t, fmt.Sprint(i), f.react))
			}
			need, earliest, _ := ParseAck(ack, 3)
			r := rigOf(t, func(s *setup) {
				s.fanout.Ack, s.fanout.AckEarliest, s.fanout.AckTimeout = need, earliest, 2*time.Second
				s.fanout.Policy.Attempts = 0
				s.backend.MaxConns, s.backend.ResponseTimeout = 16, 80*time.Millisecond
				s.backend.EjectFor = 10 * time.Millisecond
			}, fakes...)

			stop := make(chan struct{})
			var watching, clients sync.WaitGroup
			watching.Go(func() {
				for {
					s := r.f.Snapshot()
					if s.Accepted != s.Settled+s.Pending+s.Parked {
						t.Errorf("the sum does not hold: %+v", s)
						return
					}
					for _, v := range r.f.List(Filter{Limit: 20}) {
						if len(v.Backends) != 3 {
							t.Errorf("%+v", v)
						}
					}
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
			})
			watching.Go(func() { // one backend goes and comes back
				for {
					select {
					case <-stop:
						return
					case <-time.After(60 * time.Millisecond):
					}
					fakes[2].down()
					select {
					case <-stop:
						fakes[2].up()
						return
					case <-time.After(30 * time.Millisecond):
					}
					fakes[2].up()
				}
			})
			const each, conns = 40, 8
			var answered atomic.Int64
			for k := range conns {
				c := r.dial()
				clients.Go(func() {
					for i := range each {
						body := fmt.Sprintf("%d/%d", k, i)
						if _, err := c.c.Write([]byte(post("/", body))); err != nil {
							t.Error(err)
							return
						}
						got, err := c.read("POST")
						if err != nil {
							t.Error(err)
							return
						}
						switch got.status {
						case 201, 202:
						default:
							t.Errorf("%+v", got)
						}
						answered.Add(1)
					}
				})
			}
			clients.Wait()
			for _, f := range fs {
				f.off.Store(true)
			}
			close(stop)
			watching.Wait()
			r.settled(uint64(answered.Load()))

			want := map[string]bool{}
			for _, q := range fakes[0].requests() {
				want[q.key()] = true
			}
			if len(want) != conns*each {
				t.Errorf("backend 0 saw %d different writes, want %d", len(want), conns*each)
			}
			for i, b := range fakes {
				seen := map[string]string{}
				for _, q := range b.requests() {
					if was, again := seen[q.key()]; again && was != q.body {
						t.Errorf("backend %d: one key for %q and %q", i, was, q.body)
					}
					seen[q.key()] = q.body
				}
				for key := range want {
					if seen[key] == "" {
						t.Errorf("backend %d never saw a write", i)
					}
					b.mu.Lock()
					took := b.took[key]
					b.mu.Unlock()
					if took == 0 {
						t.Errorf("backend %d has not applied a write", i)
					}
				}
			}
		})
	}
}
