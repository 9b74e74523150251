package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// twoRounds are Tutti at 10 and 30 µs beside a peer at 20 and 40: the ratios are 0.5 and 0.75.
func twoRounds() *series {
	at := func(us, rate float64) sample {
		m := sample{cpuPerRequest: time.Duration(us * 1e3), requestsPerSec: rate, reached: 1}
		m.p50, m.p99 = time.Duration(us)*time.Millisecond, 2*time.Duration(us)*time.Millisecond
		return m
	}
	return &series{
		comparison: comparison{work: reads, setting: setting{1, 64}},
		proxies:    []*server{{label: "Tutti"}, {label: "nginx"}},
		samples:    [][]sample{{at(10, 400), at(30, 100)}, {at(20, 200), at(40, 100)}},
		loads:      []string{"0.1", "0.2"},
	}
}

func TestARatioIsTakenInItsRoundAndNotBetweenMedians(t *testing.T) {
	s := twoRounds()
	if got := s.ratios(1, cpu); !slices.Equal(got, []float64{0.5, 0.75}) {
		t.Errorf("got %v", got)
	}
	if got := s.column(0, cpu); !slices.Equal(got, []float64{10, 30}) {
		t.Errorf("the figures were changed: %v", got)
	}
	text := (&findings{series: []*series{s}}).report(options{rounds: 2})
	for _, want := range []string{
		"| reads | 1 | 64 | nginx | **0.62 (0.50–0.75)** | 1.50 (1.00–2.00) |",
		"| Tutti | 20.0 (10.0–30.0) | 250 (100–400) |",
		"| nginx | 20.0 (0.50) | 40.0 (0.75) |",
		"(docs/bench/reads.svg)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestWhatIsWrittenIsTheReportAndTheChartsItShows(t *testing.T) {
	f := &findings{series: []*series{twoRounds()}, curves: []*curve{someCurve(false, point{1, []float64{2}}, point{2, []float64{3}})}}
	name := filepath.Join(t.TempDir(), "BENCHMARKS.md")
	text := f.report(options{rounds: 2})
	if err := f.write(name, text); err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(text, "](")[1:] {
		file, _, _ := strings.Cut(part, ")")
		drawn, err := os.ReadFile(filepath.Join(filepath.Dir(name), file))
		if err != nil {
			t.Fatal(err)
		}
		elements(t, drawn)
	}
	if n := strings.Count(text, "]("); n != 2 {
		t.Errorf("%d charts are shown, want 2", n)
	}
	written, err := os.ReadFile(name)
	if err != nil || string(written) != text {
		t.Errorf("the report was not written: %v", err)
	}
}

func TestACurvesTableHasItsEndsAndItsFit(t *testing.T) {
	l := &line{label: "writes", fitted: true}
	for x := 100.0; x >= 1; x-- {
		l.add(x, 5+2*x)
	}
	l.add(1, 9)
	l.add(1, 5)
	l.sort()
	var b strings.Builder
	(&curve{file: "x", title: "X", x: "n", panels: []panel{{"µs", []*line{l}}}, notes: []string{"a note"}}).report(&b)
	for _, want := range []string{"| 1 | 7.00 (5.00–9.00) |", "| 100 | 205 |", "5.00 + 2.00·x, R² = 1.0000; the last is 29.29 × the first", "- a note"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if n := strings.Count(b.String(), "\n| "); n != mostRows+1 {
		t.Errorf("%d rows, want %d and a head", n, mostRows)
	}
}

func TestAnswersThatAreNotRightAreToldWithTheResult(t *testing.T) {
	three := []*server{{}, {}, {}}
	for name, c := range map[string]struct {
		work work
		m    sample
		want int
	}{
		"right":             {writes, sample{load: load{requests: 10000}, reached: 3}, 0},
		"under way at end":  {writes, sample{load: load{requests: 10000}, reached: 3.02}, 0},
		"a backend left":    {writes, sample{load: load{requests: 10000}, reached: 2}, 1},
		"a read sent twice": {reads, sample{load: load{requests: 10000}, reached: 2}, 1},
		"errors":            {reads, sample{load: load{requests: 10000, errors: 1}, reached: 1}, 1},
	} {
		b := &bed{}
		b.judge(probe{server: &server{label: "Tutti"}, work: c.work, connections: 64, backends: three}, c.m)
		if len(b.wrong) != c.want {
			t.Errorf("%s: %v", name, b.wrong)
		}
	}
}

func TestWhatCantBeMeasuredIsReportedAndKeepsNothingElseFromIt(t *testing.T) {
	b := &bed{ctx: t.Context()}
	var all []int
	try(b, &all, "one", func() (int, error) { return 1, nil })
	try(b, &all, "two", func() (int, error) { return 2, errors.New("no such thing") })
	try(b, &all, "three", func() (int, error) { return 3, nil })
	if !slices.Equal(all, []int{1, 3}) {
		t.Errorf("got %v", all)
	}
	text := (&findings{wrong: b.wrong}).report(options{})
	if want := "**not right in this run**: not measured: two: no such thing\n"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}

func TestWhatIsMissingIsNamedWithItsPackage(t *testing.T) {
	yes, no := func() bool { return true }, func() bool { return false }
	err := lacking([]need{{"wrk", "wrk", yes}, {"nginx", "nginx-light", no}, {"nginx's lua module", "libnginx-mod-http-lua", yes}})
	want := "missing: wrk, nginx's lua module; on Debian: apt-get install -y --no-install-recommends wrk libnginx-mod-http-lua"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := lacking([]need{{"nginx", "nginx-light", no}}); err != nil {
		t.Error(err)
	}
}
