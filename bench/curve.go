package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// curve is how figures grow with an amount of work.
type curve struct {
	file   string // of its chart, without the ending
	title  string
	about  string // what was done
	x      string // the amount, and its unit
	log    bool   // draw x logarithmically
	panels []panel
	notes  []string
}

// panel is figures of one unit.
type panel struct {
	unit  string
	lines []*line
}

type line struct {
	label  string
	points []point
	fitted bool // say and draw the straight line that fits
}

// point is what was measured at x, by round.
type point struct {
	x float64
	y []float64
}

// add appends what one more round measured at x.
func (l *line) add(x, y float64) {
	for i := range l.points {
		if l.points[i].x == x {
			l.points[i].y = append(l.points[i].y, y)
			return
		}
	}
	l.points = append(l.points, point{x, []float64{y}})
}

// sort orders the points by x.
func (l *line) sort() *line {
	slices.SortFunc(l.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	return l
}

// medians are l's points, the rounds' medians.
func (l *line) medians() (x, y []float64) {
	for _, p := range l.points {
		x, y = append(x, p.x), append(y, median(p.y))
	}
	return x, y
}

func (l *line) fit() fit { return fitLine(l.medians()) }

// mostRows is how many rows a table of a curve has at most; the chart has every point.
const mostRows = 12

func (c *curve) report(t *strings.Builder) {
	fmt.Fprintf(t, "\n### %s\n\n%s\n\n", c.title, c.about)
	chartLink(t, c.file, c.title)
	all := map[float64]bool{}
	t.WriteString("\n")
	head, rule := "| "+c.x+" |", "|---|"
	for _, p := range c.panels {
		for _, l := range p.lines {
			head, rule = head+fmt.Sprintf(" %s: %s |", l.label, p.unit), rule+"---|"
			for _, p := range l.points {
				all[p.x] = true
			}
		}
	}
	t.WriteString(head + "\n" + rule + "\n")
	for _, x := range thinned(slices.Sorted(maps.Keys(all)), mostRows) {
		fmt.Fprintf(t, "| %s |", amount(x))
		for _, p := range c.panels {
			for _, l := range p.lines {
				t.WriteString(" " + l.at(x) + " |")
			}
		}
		t.WriteString("\n")
	}
	t.WriteString("\n")
	c.reportFits(t)
	for _, n := range c.notes {
		fmt.Fprintf(t, "- %s\n", n)
	}
}

// reportFits says how straight the lines are, and what one more of x costs.
func (c *curve) reportFits(t *strings.Builder) {
	for _, p := range c.panels {
		for _, l := range p.lines {
			if !l.fitted || len(l.points) < 2 {
				continue
			}
			f := l.fit()
			each := ""
			if strings.HasPrefix(p.unit, "memory MiB") {
				each = fmt.Sprintf(" (%s bytes for each)", figure(f.slope*(1<<20)))
			}
			_, y := l.medians()
			fmt.Fprintf(t, "- %s, %s, x being %s: %s%s; the last is %.2f × the first\n", l.label, p.unit, c.x, f, each, y[len(y)-1]/y[0])
		}
	}
}

// amount is x without decimals, where it has none.
func amount(x float64) string {
	if x == math.Trunc(x) {
		return grouped(int(x))
	}
	return figure(x)
}

// at is what a table says of l at x.
func (l *line) at(x float64) string {
	for _, p := range l.points {
		if p.x == x {
			return span(p.y)
		}
	}
	return ""
}

// thinned keeps at most n of v, the first and the last included, evenly.
func thinned(v []float64, n int) []float64 {
	if len(v) <= n {
		return v
	}
	kept := make([]float64, n)
	for i := range kept {
		kept[i] = v[i*(len(v)-1)/(n-1)]
	}
	return kept
}

// span is "median (least–most)".
func span(v []float64) string {
	if len(v) == 1 {
		return figure(v[0])
	}
	return fmt.Sprintf("%s (%s–%s)", figure(median(v)), figure(slices.Min(v)), figure(slices.Max(v)))
}
