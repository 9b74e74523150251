package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// elements parses a drawing, which has to be XML, and returns its elements by name.
func elements(t *testing.T, drawn []byte) map[string][]xml.StartElement {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(drawn))
	all := map[string][]xml.StartElement{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, drawn)
		}
		if e, ok := token.(xml.StartElement); ok {
			all[e.Name.Local] = append(all[e.Name.Local], e.Copy())
		}
	}
}

func someCurve(log bool, points ...point) *curve {
	return &curve{
		file: "x", title: `Growth of <a> & "b"`, x: "backends & more", log: log,
		panels: []panel{
			{"CPU µs per <request>", []*line{{label: "reads", points: points, fitted: true}, {label: "writes"}}},
			{"memory MiB", []*line{{label: "a&b", points: points}}},
		},
	}
}

func someBars() *bars {
	return &bars{file: "x", title: "Reads & <writes>", unit: "CPU µs per request", groups: []group{
		{"1 worker", []bar{{"Tutti", []float64{8, 9, 10}}, {"nginx", []float64{11, 12, 13}}, {"aiohttp", []float64{900, 1000, 1100}}}},
		{"2 workers", []bar{{"Tutti", []float64{9}}, {"a & b", []float64{14}}}},
	}}
}

func TestEveryChartIsXMLThatNeedsNothingElse(t *testing.T) {
	several := []point{{1, []float64{3, 2, 4}}, {10, []float64{5}}, {1000, []float64{math.Pi, 9}}}
	for name, drawn := range map[string][]byte{
		"lines":     someCurve(false, several...).draw(),
		"log":       someCurve(true, several...).draw(),
		"one point": someCurve(true, point{1, []float64{3}}).draw(),
		"zeros":     someCurve(false, point{0, []float64{0}}, point{0, []float64{0}}).draw(),
		"nothing":   someCurve(false).draw(),
		"bars":      someBars().draw(),
		"no bars":   (&bars{title: "x"}).draw(),
	} {
		all := elements(t, drawn)
		if len(all["svg"]) != 1 || len(all["title"]) != 1 || len(all["desc"]) != 1 {
			t.Errorf("%s: %d svg, %d title, %d desc, want one of each", name, len(all["svg"]), len(all["title"]), len(all["desc"]))
		}
		text := strings.ReplaceAll(string(drawn), "http://www.w3.org/2000/svg", "")
		for _, not := range []string{"http:", "https:", "url(", "<script", "<image", "href", "NaN", "Inf"} {
			if strings.Contains(text, not) {
				t.Errorf("%s: has %q", name, not)
			}
		}
		for _, want := range []string{"prefers-color-scheme:dark", `class="ground"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: has no %q", name, want)
			}
		}
	}
}

func TestEveryColourOfALightPageHasOneForADarkPage(t *testing.T) {
	light, dark, ok := strings.Cut(style, "@media (prefers-color-scheme:dark)")
	if !ok {
		t.Fatal("no dark scheme")
	}
	rule := regexp.MustCompile(`([.a-z][\w.]*)\{[^}]*(?:fill|stroke):#`)
	for _, m := range rule.FindAllStringSubmatch(light, -1) {
		if !strings.Contains(dark, m[1]+"{") {
			t.Errorf("%s has a colour that a dark page keeps", m[1])
		}
	}
	if n := len(rule.FindAllString(light, -1)); n < 10 {
		t.Errorf("%d rules were looked at", n)
	}
}

func TestWhatIsDrawnLiesInTheDrawing(t *testing.T) {
	for name, drawn := range map[string][]byte{
		"lines": someCurve(false, point{1, []float64{3, 2, 4}}, point{16, []float64{50, 61}}).draw(),
		"log":   someCurve(true, point{1, []float64{3, 2, 4}}, point{10000, []float64{50, 61}}).draw(),
		"bars":  someBars().draw(),
	} {
		all := elements(t, drawn)
		width, height := attribute(t, all["svg"][0], "width"), attribute(t, all["svg"][0], "height")
		for _, kind := range []string{"text", "line", "rect", "circle"} {
			for _, e := range all[kind] {
				for _, a := range e.Attr {
					limit := map[string]float64{"x": width, "x1": width, "x2": width, "cx": width, "y": height, "y1": height, "y2": height, "cy": height}[a.Name.Local]
					if limit == 0 {
						continue
					}
					if v := attribute(t, e, a.Name.Local); v < 0 || v > limit {
						t.Errorf("%s: %s at %s=%v, outside of %v by %v", name, kind, a.Name.Local, v, width, height)
					}
				}
			}
		}
	}
}

func attribute(t *testing.T, e xml.StartElement, name string) float64 {
	t.Helper()
	for _, a := range e.Attr {
		if a.Name.Local == name {
			v, err := strconv.ParseFloat(a.Value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

func TestABarFarBeyondTheOthersIsCutOffAndSaysItsLength(t *testing.T) {
	b := someBars()
	if got := b.longest(); got != 14 {
		t.Errorf("the axis ends at %v, not at 14", got)
	}
	if !strings.Contains(string(b.draw()), "1,000 →") {
		t.Error("its length is not told")
	}
}

func TestAxesEndAtRoundNumbersThatHoldAllValues(t *testing.T) {
	for _, c := range []struct {
		high float64
		want []float64
	}{
		{0, []float64{0, 0.5, 1}},
		{97, []float64{0, 50, 100}},
		{100, []float64{0, 50, 100}},
		{1e6, []float64{0, 500000, 1e6}},
		{16, []float64{0, 5, 10, 15, 20}},
		{0.9, []float64{0, 0.5, 1}},
	} {
		a := linearAxis(c.high, 4)
		if a.high < c.high || len(a.ticks) < 2 || len(a.ticks) > 7 || a.at(0) != 0 || a.at(a.high) != 1 {
			t.Errorf("linearAxis(%v) = %+v", c.high, a)
		}
		for i, v := range c.want {
			if i >= len(a.ticks) || math.Abs(a.ticks[i]-v) > 1e-9 {
				t.Errorf("linearAxis(%v) has ticks %v, want %v", c.high, a.ticks, c.want)
				break
			}
		}
	}
	a := logAxis(1, 10000)
	if len(a.ticks) != 5 || a.ticks[4] != 10000 || math.Abs(a.at(100)-0.5) > 1e-9 {
		t.Errorf("logAxis(1, 10000) = %+v", a)
	}
	if a := logAxis(5, 5); a.at(5) < 0 || a.at(5) > 1 || len(a.ticks) != 2 {
		t.Errorf("logAxis(5, 5) = %+v", a)
	}
}
