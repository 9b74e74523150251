package admin

import (
	"sync"
	"time"
)

const (
	sampleEvery = time.Second
	recentLooks = 10  // so many looks back is recent
	historyKept = 180 // points
)

// sampler looks at the counters once a second, whether anybody reads the page or not, so that there are
// charts when somebody does. What it costs does not depend on the traffic.
type sampler struct {
	o *Options

	// The goroutine's own.
	looks [recentLooks + 1]look // a ring
	last  int                   // the latest
	taken int                   // of them

	mu     sync.Mutex
	recent recently
	points []point // a ring when full
	oldest int
}

// recently is what the last seconds were like. It is not changed any more.
type recently struct {
	requests measure // of clients, per second
	accepted measure // writes, per second
	backends []recent
}

func newSampler(o *Options) *sampler {
	s := &sampler{o: o, taken: 1}
	s.looks[0].take(o)
	s.recent = between(&s.looks[0], &s.looks[0])
	return s
}

// run samples until stop is closed.
func (s *sampler) run(stop <-chan struct{}) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.sample(now.UnixMilli())
		case <-stop:
			return
		}
	}
}

// sample takes a look and draws from it and those before.
func (s *sampler) sample(at int64) {
	before := &s.looks[s.last]
	s.last = (s.last + 1) % len(s.looks)
	now := &s.looks[s.last]
	now.take(s.o)
	s.taken = min(s.taken+1, len(s.looks))
	earliest := &s.looks[(s.last+1+len(s.looks)-s.taken)%len(s.looks)]
	recent, p := between(earliest, now), plot(at, earliest, before, now)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent = recent
	if len(s.points) < historyKept {
		s.points = append(s.points, p)
		return
	}
	s.points[s.oldest] = p
	s.oldest = (s.oldest + 1) % historyKept
}

// latest is what the last seconds were like.
func (s *sampler) latest() recently {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recent
}

// since is what was sampled after a time in Unix milliseconds.
func (s *sampler) since(after int64) *history {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := newHistory(len(s.o.Backends), len(s.points))
	for i := range s.points {
		if p := &s.points[(s.oldest+i)%len(s.points)]; p.at > after {
			h.add(p)
		}
	}
	return h
}
