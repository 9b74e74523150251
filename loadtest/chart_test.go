package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// wellFormed reads a drawing as XML.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
}

func TestAChartIsDrawnWhateverItsValues(t *testing.T) {
	t.Parallel()
	for name, values := range map[string][]float64{
		"none": nil, "one": {3}, "zeros": {0, 0, 0}, "small": {1e-6, 3e-6}, "large": {1e9, 5}, "equal": {10, 10}, "gap": {1, 0, 1},
	} {
		for _, log := range []bool{false, true} {
			c := chart{title: `a "<&> title`, total: 10 * time.Second, log: log, format: count, lines: []line{{name: "<a>"}}, shade: []span{{time.Second, time.Minute}}}
			for i, v := range values {
				c.lines[0].points = append(c.lines[0].points, point{time.Duration(i) * time.Second, v})
			}
			svg := c.svg()
			wellFormed(t, svg)
			if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
				t.Errorf("%s: %s", name, svg)
			}
		}
	}
}

func TestAnAxisHoldsItsValues(t *testing.T) {
	t.Parallel()
	for _, high := range []float64{0.3, 1, 3.9, 4, 4.1, 99, 100, 101, 12345} {
		a := linearAxis(high)
		if a.high < high || a.high > 3*high || len(a.ticks) != gridLines+1 {
			t.Errorf("up to %v: %+v", high, a)
		}
		if a.y(a.high) != top || a.y(0) != top+plotHeight {
			t.Errorf("up to %v: drawn from %v to %v", high, a.y(0), a.y(a.high))
		}
	}
}

func TestWindowsCountEachRequestOnce(t *testing.T) {
	t.Parallel()
	var all []request
	for i := range 105 {
		all = append(all, request{at: time.Duration(i) * 100 * time.Millisecond, latency: time.Duration(i+1) * time.Millisecond, bad: i%10 == 0})
	}
	ws := windows(all, 10500*time.Millisecond, time.Second)
	if len(ws) != 10 {
		t.Fatalf("%d windows", len(ws))
	}
	if w := ws[0]; w.rate != 10 || w.bad != 1 || w.p50 != 6*time.Millisecond || w.p99 != 10*time.Millisecond || w.at != 500*time.Millisecond {
		t.Errorf("the first: %+v", w)
	}
	if w := ws[9]; w.rate != 10 || w.at != 9750*time.Millisecond {
		t.Errorf("the last, which is longer: %+v", w)
	}
}

func TestTimesAreRound(t *testing.T) {
	t.Parallel()
	for _, total := range []time.Duration{time.Second, 7 * time.Second, time.Minute, 10 * time.Minute, 24 * time.Hour} {
		if n := len(timeTicks(total)); n < 2 || n > 10 {
			t.Errorf("%v: %d times", total, n)
		}
	}
	for at, want := range map[time.Duration]string{90 * time.Second: "90 s", 150 * time.Second: "2:30 min", 3 * time.Hour: "3:00 h"} {
		if got := clockTime(at); got != want {
			t.Errorf("%v is %q", at, got)
		}
	}
}
