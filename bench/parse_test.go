package main

import (
	"testing"
	"time"
)

func TestTheStateOfAProcessIsReadBehindAHostileName(t *testing.T) {
	s, err := parseStat("77 (a) b (1) R) S 12 77 77 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 8 0 100 1 2 3")
	if err != nil {
		t.Fatal(err)
	}
	if want := (stat{parent: 12, cpu: 1750 * time.Millisecond}); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	for _, bad := range []string{"", "77 (a) S 12", "77 (a) S x 77 77 0 -1 4194560 1 0 0 0 150 25"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestWrksSummaryIsRead(t *testing.T) {
	l, err := parseLoad("Running 1s test\nBENCH 5000 2000000 3 870 4200\n")
	if err != nil {
		t.Fatal(err)
	}
	want := load{requests: 5000, seconds: 2, errors: 3, p50: 870 * time.Microsecond, p99: 4200 * time.Microsecond}
	if l != want {
		t.Errorf("got %+v, want %+v", l, want)
	}
	for _, bad := range []string{"", "BENCH 1 2 x\n", "BENCH 0 2000000 0 0 0\n"} {
		if _, err := parseLoad(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestStracesTableIsReadWithAndWithoutErrors(t *testing.T) {
	c, err := parseStrace(`% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.600000           3    200000       400 recvfrom
 40.00    0.400000           2    100000           sendto
------ ----------- ----------- --------- --------- ----------------
100.00    1.000000           3    300000       400 total
`)
	if err != nil {
		t.Fatal(err)
	}
	if c["recvfrom"] != 200000 || c["sendto"] != 100000 || len(c) != 2 {
		t.Errorf("got %v", c)
	}
	if got, want := c.perRequest(100000), "recvfrom 2.00, sendto 1.00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := c.sum(100000); got != 3 {
		t.Errorf("got %v calls per request, want 3", got)
	}
	if _, err := parseStrace("strace: attach: Operation not permitted"); err == nil {
		t.Error("no table was accepted")
	}
}

func TestAProcesssMemoryIsRead(t *testing.T) {
	rss, peak, err := parseMemory("Name:\tVmRSS: 7 kB\nVmPeak:\t  900 kB\nVmHWM:\t  20480 kB\nVmRSS:\t   1024 kB\nRssAnon:\t 5 kB\n")
	if err != nil || rss != 1<<20 || peak != 20<<20 {
		t.Errorf("got %d, %d, %v", rss, peak, err)
	}
	for _, bad := range []string{"", "VmRSS:\t1 kB\n", "VmRSS:\tx kB\nVmHWM:\t1 kB\n"} {
		if _, _, err := parseMemory(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestTheMachinesTimeIsReadWithoutItsIdleTime(t *testing.T) {
	c, err := parseCPUTime("cpu  100 20 300 4000 50 6 70 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := (cpuTime{busy: (100 + 20 + 300 + 6 + 70) * tick, stolen: 8 * tick}); c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	for _, bad := range []string{"", "cpu 1 2 3\n", "cpu  1 2 3 4 5 6 x 8 0 0\n"} {
		if _, err := parseCPUTime(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestMetricsAreReadByNameAndLabels(t *testing.T) {
	text := "# TYPE a gauge\na 1\nb{backend=\"127.0.0.1:1\"} 2.5e3\nb{backend=\"127.0.0.1:2\"} 3\n"
	v, err := parseMetrics(text, []string{`b{backend="127.0.0.1:1"}`, "a"})
	if err != nil || v[0] != 2500 || v[1] != 1 {
		t.Errorf("got %v, %v", v, err)
	}
	if _, err := parseMetrics(text, []string{"b"}); err == nil {
		t.Error("a metric that is not there was read")
	}
}

func TestTheMedianOfAnEvenNumberLiesBetween(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{
		{[]float64{3}, 3},
		{[]float64{5, 1, 3}, 3},
		{[]float64{4, 1, 2, 9}, 3},
	} {
		if got := median(c.in); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}

func TestGrowthAndErrorsFailASoak(t *testing.T) {
	flat := func(rss int64, goroutines int) (rs []reading) {
		for i := range 30 {
			rs = append(rs, reading{time.Duration(i) * time.Second, rss, goroutines})
		}
		return rs
	}
	grown := func(change func(*reading)) []reading {
		rs := flat(50<<20, 100)
		for i := 20; i < 30; i++ {
			change(&rs[i])
		}
		return rs
	}
	good := load{requests: 10, seconds: 1}
	for name, c := range map[string]struct {
		l    load
		seen []reading
		legs int
		fail bool
	}{
		"nothing":    {good, flat(50<<20, 100), 0, false},
		"memory":     {good, grown(func(r *reading) { r.rss += 10 << 20 }), 0, true},
		"goroutines": {good, grown(func(r *reading) { r.goroutines += 20 }), 0, true},
		"legs":       {good, grown(func(r *reading) { r.goroutines += 20 }), 20, false},
		"errors":     {load{requests: 10, seconds: 1, errors: 1}, flat(50<<20, 100), 0, true},
		"no reading": {good, nil, 0, true},
	} {
		if err := judgeSoak(reads, c.l, c.seen, c.legs); (err != nil) != c.fail {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
