package metrics

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func scrape(t *testing.T, s *Set) scraped {
	t.Helper()
	var b bytes.Buffer
	s.WritePrometheus(&b)
	return parse(t, b.String())
}

// contract is every series there is for these
// backends, with its type.
func contract(backends ...string) map[string]string {
	m := map[string]string{
		"Total_domains_success_counter_total": "counter",
		"Total_domains_failed_counter_total":  "counter",
		"tutti_client_connections":            "gauge",
		"tutti_access_log_dropped_total":      "counter",
		"tutti_writes_accepted_total":         "counter",
		"tutti_writes_settled_total":          "counter",
		"tutti_writes_pending":                "gauge",
		"tutti_unkeyed_writes_total":          "counter",
		"tutti_writes_parked":                 "gauge",
		"tutti_writes_pending_bytes":          "gauge",
		"tutti_journal_bytes":                 "gauge",
	}
	for _, b := range backends {
		m[`target_domain_success_counter_total{domain="`+b+`"}`] = "counter"
		m[`target_domain_failed_counter_total{domain="`+b+`"}`] = "counter"
		for _, code := range []string{"200", "201", "500", "error"} {
			m[`tutti_backend_requests_total{backend="`+b+`",code="`+code+`"}`] = "counter"
		}
		for _, name := range []string{
			"tutti_backend_ejections_total", "tutti_retries_total", "tutti_rejected_deliveries_total",
		} {
			m[name+`{backend="`+b+`"}`] = "counter"
		}
		for _, name := range []string{
			"tutti_backend_up", "tutti_owed_writes", "tutti_oldest_owed_seconds", "tutti_parked_writes",
		} {
			m[name+`{backend="`+b+`"}`] = "gauge"
		}
		for _, state := range []string{"idle", "active"} {
			m[`tutti_backend_connections{backend="`+b+`",state="`+state+`"}`] = "gauge"
		}
		histogram(m, "tutti_backend_duration_seconds", `backend="`+b+`"`)
	}
	for _, route := range []string{"balance", "fanout"} {
		label := `route="` + route + `"`
		for _, code := range []int{200, 201, 202, 400, 404, 405, 408, 413, 431, 502, 503, 504, 508} {
			m[`tutti_requests_total{`+label+`,code="`+strconv.Itoa(code)+`"}`] = "counter"
		}
		m[`tutti_requests_in_flight{`+label+`}`] = "gauge"
		histogram(m, "tutti_request_duration_seconds", label)
	}
	for _, code := range []int{400, 404, 405, 408, 431, 505, 508} {
		m[`tutti_refused_requests_total{code="`+strconv.Itoa(code)+`"}`] = "counter"
	}
	for _, why := range []string{
		"size", "pending", "pending_bytes", "journal", "journal_full", "client_left", "draining", "held",
		"malformed", "key_reused", "other",
	} {
		m[`tutti_refused_writes_total{reason="`+why+`"}`] = "counter"
	}
	histogram(m, "tutti_journal_append_duration_seconds", "")
	return m
}

func histogram(m map[string]string, name, label string) {
	for _, le := range []string{
		"0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05",
		"0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "+Inf",
	} {
		m[name+`_bucket{`+strings.TrimPrefix(label+`,le="`+le+`"`, ",")+`}`] = "histogram"
	}
	if label != "" {
		label = "{" + label + "}"
	}
	m[name+`_sum`+label] = "histogram"
	m[name+`_count`+label] = "histogram"
}

func TestEverySeriesIsThereAtZeroFromTheStart(t *testing.T) {
	got := scrape(t, New([]string{"127.0.0.1:9001", "[::1]:9002"}))
	want := contract("127.0.0.1:9001", "[::1]:9002")
	for series, kind := range want {
		v, ok := got.samples[series]
		if !ok || v != 0 {
			t.Errorf("%s: there %v, value %v", series, ok, v)
		}
		name, _, _ := strings.Cut(series, "{")
		if kind == "histogram" {
			name = name[:strings.LastIndexByte(name, '_')]
		}
		if f := got.families[name]; f == nil || f.kind != kind {
			t.Errorf("%s is not announced as a %s", name, kind)
		}
	}
	for series := range got.samples {
		if _, ours := want[series]; !ours && !strings.HasPrefix(series, "go_") && !strings.HasPrefix(series, "process_") {
			t.Errorf("%s is exported and not in the contract", series)
		}
	}
	for _, series := range []string{"go_goroutines", "process_resident_memory_bytes", "process_open_fds"} {
		if got.samples[series] == 0 {
			t.Errorf("%s is missing or zero", series)
		}
	}
}

func TestEveryFamilyOfOursIsExplained(t *testing.T) {
	var b bytes.Buffer
	New([]string{"a:1"}).WritePrometheus(&b)
	for line := range strings.Lines(b.String()) {
		name, ok := strings.CutPrefix(line, "# HELP ")
		if !ok || strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		if _, text, _ := strings.Cut(strings.TrimSpace(name), " "); text == "" {
			t.Errorf("no help: %q", line)
		}
	}
}

func TestWhatIsCountedIsWhatIsExported(t *testing.T) {
	s := New([]string{"a:1", "b:2"})
	s.Balance().Begin()
	s.Balance().Begin()
	s.Balance().Done(200, 3e6) // 3 ms
	s.Fanout().Begin()
	s.Fanout().Done(418, 61e9) // a code not there before, past the last bucket
	s.Fanout().Begin()
	s.Fanout().Done(0, -1) // a status HTTP does not have, a clock that stepped
	s.Refused(431)
	s.RefusedWrite("pending_bytes")
	s.RefusedWrite("no such reason")
	a, b := s.Backend(0), s.Backend(1)
	a.Served(201, 2e6)
	a.Error()
	a.Attempt(true)
	a.Attempt(false)
	b.Attempt(true)
	b.Ejected()
	b.Retried()
	b.Rejected()

	got := scrape(t, s).samples
	f := func(series string, want float64) {
		t.Helper()
		if v, ok := got[series]; !ok || v != want {
			t.Errorf("%s is %v, want %v", series, v, want)
		}
	}
	f(`tutti_requests_in_flight{route="balance"}`, 1)
	f(`tutti_requests_in_flight{route="fanout"}`, 0)
	f(`tutti_requests_total{route="balance",code="200"}`, 1)
	f(`tutti_requests_total{route="fanout",code="418"}`, 1)
	f(`tutti_requests_total{route="fanout",code="other"}`, 1)
	f(`tutti_request_duration_seconds_bucket{route="balance",le="0.0025"}`, 0)
	f(`tutti_request_duration_seconds_bucket{route="balance",le="0.005"}`, 1)
	f(`tutti_request_duration_seconds_sum{route="balance"}`, .003)
	f(`tutti_request_duration_seconds_bucket{route="fanout",le="60"}`, 1)
	f(`tutti_request_duration_seconds_count{route="fanout"}`, 2)
	f(`tutti_refused_requests_total{code="431"}`, 1)
	f(`tutti_refused_writes_total{reason="pending_bytes"}`, 1)
	f(`tutti_refused_writes_total{reason="other"}`, 1)
	f(`tutti_backend_requests_total{backend="a:1",code="201"}`, 1)
	f(`tutti_backend_requests_total{backend="a:1",code="error"}`, 1)
	f(`tutti_backend_duration_seconds_count{backend="a:1"}`, 1)
	f(`target_domain_success_counter_total{domain="a:1"}`, 1)
	f(`target_domain_failed_counter_total{domain="a:1"}`, 1)
	f(`Total_domains_success_counter_total`, 2)
	f(`Total_domains_failed_counter_total`, 1)
	f(`tutti_backend_ejections_total{backend="b:2"}`, 1)
	f(`tutti_retries_total{backend="b:2"}`, 1)
	f(`tutti_rejected_deliveries_total{backend="b:2"}`, 1)
}

func TestGaugesAreReadOncePerScrape(t *testing.T) {
	s := New([]string{"a:1", "b:2"})
	var writes, clients, up, connections int
	s.Source(Gauges{
		Writes: func() Writes {
			writes++
			return Writes{
				Accepted: 10, Settled: 6, Pending: 3, Parked: 1, Unkeyed: 8, PendingBytes: 1 << 40,
				Backends: []BackendWrites{{Owed: 3, Parked: 1, OldestSeconds: .25}}, // b's is missing
			}
		},
		ClientConnections: func() int { clients++; return 7 },
		Up:                func(i int) bool { up++; return i == 1 },
		Connections:       func(i int) (int, int) { connections++; return i + 1, -1 },
		LogDropped:        func() uint64 { return 5 },
	})
	got := scrape(t, s).samples
	if writes != 1 || clients != 1 || up != 2 || connections != 2 {
		t.Errorf("read %d, %d, %d, %d times", writes, clients, up, connections)
	}
	for series, want := range map[string]float64{
		`tutti_writes_accepted_total`:                           10,
		`tutti_writes_settled_total`:                            6,
		`tutti_writes_pending`:                                  3,
		`tutti_unkeyed_writes_total`:                            8,
		`tutti_writes_parked`:                                   1,
		`tutti_writes_pending_bytes`:                            1 << 40,
		`tutti_owed_writes{backend="a:1"}`:                      3,
		`tutti_parked_writes{backend="a:1"}`:                    1,
		`tutti_oldest_owed_seconds{backend="a:1"}`:              .25,
		`tutti_owed_writes{backend="b:2"}`:                      0,
		`tutti_client_connections`:                              7,
		`tutti_access_log_dropped_total`:                        5,
		`tutti_backend_up{backend="a:1"}`:                       0,
		`tutti_backend_up{backend="b:2"}`:                       1,
		`tutti_backend_connections{backend="b:2",state="idle"}`: 2,
		// Read in the middle of a change: never below zero.
		`tutti_backend_connections{backend="b:2",state="active"}`: 0,
	} {
		if got[series] != want {
			t.Errorf("%s is %v, want %v", series, got[series], want)
		}
	}
}

// Counting from many goroutines while several scrape: each scrape parses, its totals are the
// sums of its parts, what the writes' source said in one call stands together, and no counter
// falls.
func TestScrapesAddUpAndCountersOnlyGrow(t *testing.T) {
	const seed = 1
	s := New([]string{"a:1", "b:2", "c:3"})
	var reading atomic.Int32
	var accepted atomic.Uint64
	s.Source(Gauges{Writes: func() Writes {
		if reading.Add(1) != 1 {
			t.Error("two scrapes at a time")
		}
		defer reading.Add(-1)
		n := accepted.Load()
		return Writes{Accepted: n, Settled: n / 2, Pending: n - n/2 - n/4, Parked: n / 4}
	}})
	stop := make(chan struct{})
	var counting, scraping sync.WaitGroup
	for i := range 4 {
		counting.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				accepted.Add(1)
				b := s.Backend(r.IntN(3))
				b.Attempt(r.IntN(3) > 0)
				b.Served(200+r.IntN(20), r.Int64N(1e9)) // most of them new
				s.Fanout().Begin()
				s.Fanout().Done(500+r.IntN(20), r.Int64N(1e11))
			}
		})
	}
	for range 2 {
		scraping.Go(func() {
			before := scraped{}
			for range 15 {
				var b bytes.Buffer
				s.WritePrometheus(&b)
				now, err := parseText(b.String())
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
					return
				}
				checkSums(t, now)
				checkGrown(t, before, now)
				before = now
			}
		})
	}
	scraping.Wait()
	close(stop)
	counting.Wait()
}

func checkSums(t *testing.T, s scraped) {
	t.Helper()
	for _, what := range []string{"success", "failed"} {
		sum := 0.0
		for _, one := range s.families["target_domain_"+what+"_counter_total"].samples {
			sum += one.value
		}
		if total := s.samples["Total_domains_"+what+"_counter_total"]; total != sum {
			t.Errorf("total %s %v, sum %v", what, total, sum)
		}
	}
	accepted := s.samples["tutti_writes_accepted_total"]
	if sum := s.samples["tutti_writes_settled_total"] + s.samples["tutti_writes_pending"] +
		s.samples["tutti_writes_parked"]; accepted != sum {
		t.Errorf("accepted %v, settled + pending + parked %v", accepted, sum)
	}
}

func checkGrown(t *testing.T, before, now scraped) {
	t.Helper()
	for series, was := range before.samples {
		name, _, _ := strings.Cut(series, "{")
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			f := before.families[strings.TrimSuffix(name, suffix)]
			if f == nil || f.kind == "gauge" {
				continue
			}
			if !strings.Contains(series, "quantile=") && now.samples[series] < was {
				t.Errorf("%s fell from %v to %v", series, was, now.samples[series])
			}
		}
	}
}

func TestASlowScraperHoldsUpNobody(t *testing.T) {
	s := New([]string{"a:1"})
	r, w := io.Pipe() // takes nothing until it is read
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.WritePrometheus(w)
	}()
	buf := make([]byte, 1)
	if _, err := r.Read(buf); err != nil { // the first byte: it is writing
		t.Fatal(err)
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		s.WritePrometheus(io.Discard)
	}()
	select {
	case <-finished:
	case <-time.After(10 * time.Second):
		t.Error("the second scrape waits for the first one's reader")
	}
	_ = r.Close()
	<-done
}

func TestNilCountsNothing(t *testing.T) {
	var s *Set
	s.Balance().Begin()
	s.Fanout().Done(200, 1)
	s.Refused(400)
	s.RefusedWrite("size")
	s.Source(Gauges{})
	s.WritePrometheus(nil)
	for _, b := range []*Backend{s.Backend(0), New(nil).Backend(0), New([]string{"a:1"}).Backend(-1)} {
		b.Served(200, 1)
		b.Error()
		b.Attempt(true)
		b.Ejected()
		b.Retried()
		b.Rejected()
	}
}

func TestANameCannotBreakItsLabel(t *testing.T) {
	s := New([]string{"a\"\\\n:1"})
	s.Backend(0).Attempt(true)
	if got := scrape(t, s).samples[`target_domain_success_counter_total{domain="a\"\\\n:1"}`]; got != 1 {
		t.Errorf("got %v", got)
	}
}
