package admin

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tutti/backend"
	"tutti/front"
	"tutti/metrics"
)

// sampled is a sampler of two backends, in a bubble.
type sampled struct {
	*sampler
	set      *metrics.Set
	fakes    []*fakeBackend
	requests uint64
}

func inBubble(t *testing.T, f func(t *testing.T, s *sampled)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &sampled{set: metrics.New([]string{"a:1", "b:1"})}
		s.fakes = []*fakeBackend{{name: "a:1", m: s.set.Backend(0)}, {name: "b:1", m: s.set.Backend(1)}}
		s.sampler = newSampler(&Options{
			Writes: someWrites(0), Backends: []Backend{s.fakes[0], s.fakes[1]},
			Front: func() front.Stats { return front.Stats{Requests: s.requests} },
		})
		f(t, s)
	})
}

// second lets one pass in which the first backend serves as many reads and writes, and samples.
func (s *sampled) second(reads, writes, failing int) {
	for range reads + writes {
		s.fakes[0].m.Served(201, int64(2*time.Millisecond))
	}
	for range failing {
		s.fakes[0].m.Error()
		s.fakes[1].m.Served(503, int64(time.Second))
	}
	s.fakes[0].mu.Lock()
	s.fakes[0].stats = backend.Stats{Reads: s.fakes[0].stats.Reads + uint64(reads), Active: reads}
	s.fakes[0].mu.Unlock()
	s.requests += uint64(reads + writes)
	<-time.After(time.Second)
	s.sample(time.Now().UnixMilli())
}

func isNaN(m measure) bool { return math.IsNaN(float64(m)) }

func TestRecentIsTheLastTenSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T, s *sampled) {
		at := s.latest()
		for _, b := range at.backends {
			if b.Rate != 0 || !isNaN(b.ReadShare) || !isNaN(b.Errors) || !isNaN(b.P50) || !isNaN(b.P99) {
				t.Errorf("at the start: %+v", b)
			}
		}
		s.second(100, 20, 0)
		if b := s.latest().backends[0]; b.Seconds != 1 || b.Rate != 120 || b.ReadShare != 1 || b.Errors != 0 {
			t.Errorf("after a second: %+v", b)
		}
		for range 9 {
			s.second(0, 20, 5)
		}
		at = s.latest()
		b := at.backends[0]
		if b.Seconds != 10 || b.Rate != 34.5 || b.ReadShare != 1 || math.Abs(float64(b.Errors)-45./345) > 1e-9 {
			t.Errorf("after ten: %+v", b)
		}
		if b.P50 < .0017 || b.P50 > .0023 || b.P99 < .0017 || b.P99 > .0023 {
			t.Errorf("answers took 2 ms each, it says p50 %v, p99 %v", b.P50, b.P99)
		}
		if c := at.backends[1]; c.Errors != 1 || c.P50 < .8 || c.P50 > 1.2 || c.ReadShare != 0 {
			t.Errorf("the other: %+v", c)
		}
		if at.requests != 30 {
			t.Errorf("%v requests per second", at.requests)
		}
		s.second(0, 20, 0) // the reads were more than ten seconds ago
		if b := s.latest().backends[0]; b.Rate != 24.5 || !isNaN(b.ReadShare) {
			t.Errorf("a second later: %+v", b)
		}
	})
}

func TestTheHistoryIsOfThreeMinutesAndCanBeFollowed(t *testing.T) {
	inBubble(t, func(t *testing.T, s *sampled) {
		if h := s.since(0); len(h.Times) != 0 || len(h.Backends) != 2 {
			t.Errorf("at the start: %+v", h)
		}
		for i := range 200 {
			s.second(i, 0, 0)
		}
		h := s.since(0)
		if len(h.Times) != 180 || !slices.IsSorted(h.Times) || h.Times[179] != time.Now().UnixMilli() {
			t.Fatalf("%d points: %v", len(h.Times), h.Times)
		}
		b := h.Backends[0]
		for i, rate := range b.Rate {
			if rate != measure(20+i) || b.Active[i] != 20+i || h.Requests[i] != rate || b.Errors[i] != 0 || isNaN(b.P99[i]) {
				t.Fatalf("point %d: %v", i, rate)
			}
		}
		if !isNaN(h.Backends[1].P50[0]) {
			t.Error("a median of nothing")
		}
		later := s.since(h.Times[177])
		if !slices.Equal(later.Times, h.Times[178:]) || !slices.Equal(later.Backends[0].Rate, b.Rate[178:]) {
			t.Errorf("the last two: %+v", later)
		}
		if n := s.since(h.Times[179]); len(n.Times) != 0 {
			t.Errorf("after all: %v", n.Times)
		}
	})
}

func TestTheSamplerRunsWhileServed(t *testing.T) {
	f := start(t, setup{})
	eventually(t, "there is a point", func() bool {
		h := decode[status](t, f.do("GET", "/-/status?history_after=0")).History
		return h != nil && len(h.Times) > 0 && len(h.Backends) == 2 && len(h.Backends[1].Owed) == len(h.Times) && h.Backends[0].Owed[0] == 4
	})
}

func TestAMeasureIsShort(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", 0.00012345678: "0.0001235", 1.0 / 3: "0.3333", 12.3456: "12.35", 1234.56: "1235",
		12345.6: "12346", 1234567.8: "1234568", math.NaN(): "null", math.Inf(1): "null", 1e-9: "0.000000001",
	} {
		text, err := json.Marshal(measure(v))
		if err != nil || string(text) != want {
			t.Errorf("%v is %s (%v), not %s", v, text, err, want)
		}
	}
}

func TestThePageOfSixteenBackendsIsSmall(t *testing.T) {
	inBubble(t, func(t *testing.T, s *sampled) {
		for range 200 {
			s.second(1000, 777, 3)
		}
		text, err := json.Marshal(s.since(0))
		if err != nil {
			t.Fatal(err)
		}
		if perBackend := len(text) / 2; perBackend > 8000 {
			t.Errorf("%d bytes of history for a backend", perBackend)
		}
		if strings.Contains(string(text), "e+") {
			t.Errorf("exponents: %.200s", text)
		}
	})
}
