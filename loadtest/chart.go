package main

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// chart is lines over the time of the test, drawn as SVG.
type chart struct {
	title  string
	note   string
	total  time.Duration // the time axis
	shade  []span        // when a backend hung
	log    bool          // a logarithmic axis, on which 0 is a gap
	format func(float64) string
	lines  []line
}

// line is one of them. Its colour is a number of the report's palette.
type line struct {
	name   string
	colour int
	points []point
}

type point struct {
	at time.Duration
	v  float64
}

// The drawing's size in units; it is scaled to its place.
const (
	wide, high               = 720.0, 250.0
	left, right, top, bottom = 62.0, 12.0, 12.0, 30.0
	plotWidth, plotHeight    = wide - left - right, high - top - bottom
	gridLines                = 4
	mostHover                = 400 // pieces that tell their values under the pointer
)

// axis is what the values are mapped with.
type axis struct {
	low, high float64
	log       bool
	ticks     []float64
}

// axis fits the values.
func (c *chart) axis() axis {
	low, high := math.Inf(1), 0.0
	for _, l := range c.lines {
		for _, p := range l.points {
			if p.v > 0 {
				low = min(low, p.v)
			}
			high = max(high, p.v)
		}
	}
	if !c.log || high == 0 {
		return linearAxis(high)
	}
	a := axis{low: math.Pow(10, math.Floor(math.Log10(low))), high: math.Pow(10, math.Ceil(math.Log10(high))), log: true}
	if a.high <= a.low {
		a.high = a.low * 10
	}
	for v := a.low; v <= a.high*1.001; v *= 10 {
		a.ticks = append(a.ticks, v)
	}
	return a
}

// linearAxis goes from 0 to a round number not below high.
func linearAxis(high float64) axis {
	if high <= 0 {
		high = 1
	}
	step := math.Pow(10, math.Floor(math.Log10(high/gridLines)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if step*m*gridLines >= high {
			step *= m
			break
		}
	}
	a := axis{high: step * gridLines}
	for i := range gridLines + 1 {
		a.ticks = append(a.ticks, step*float64(i))
	}
	return a
}

// y is a value's place, from the top.
func (a axis) y(v float64) float64 {
	part := (v - a.low) / (a.high - a.low)
	if a.log {
		part = (math.Log10(v) - math.Log10(a.low)) / (math.Log10(a.high) - math.Log10(a.low))
	}
	return top + plotHeight*(1-part)
}

func (c *chart) x(at time.Duration) float64 {
	return left + plotWidth*min(1, at.Seconds()/c.total.Seconds())
}

// svg draws it.
func (c *chart) svg() string {
	var b strings.Builder
	a := c.axis()
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, wide, high, html.EscapeString(c.title))
	for _, s := range c.shade {
		fmt.Fprintf(&b, `<rect class="frozen" x="%.1f" y="%g" width="%.1f" height="%g"/>`, c.x(s.from), top, c.x(s.to)-c.x(s.from), plotHeight)
	}
	for _, v := range a.ticks {
		fmt.Fprintf(&b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/>`, left, wide-right, a.y(v), a.y(v))
		fmt.Fprintf(&b, `<text class="tick" text-anchor="end" x="%g" y="%.1f">%s</text>`, left-8, a.y(v)+4, html.EscapeString(c.format(v)))
	}
	for _, at := range timeTicks(c.total) {
		fmt.Fprintf(&b, `<text class="tick" text-anchor="middle" x="%.1f" y="%g">%s</text>`, c.x(at), high-10, clockTime(at))
	}
	for _, l := range c.lines {
		fmt.Fprintf(&b, `<path class="c%d" d="%s"/>`, l.colour, c.path(l, a))
	}
	c.hover(&b)
	b.WriteString("</svg>")
	return b.String()
}

// path is a line's drawing; on a logarithmic axis 0 interrupts it.
func (c *chart) path(l line, a axis) string {
	var b strings.Builder
	pen := "M"
	for _, p := range l.points {
		if a.log && p.v <= 0 {
			pen = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", pen, c.x(p.at), a.y(p.v))
		pen = "L"
	}
	return b.String()
}

// hover adds what shows the values of all lines at a time, without a script.
func (c *chart) hover(b *strings.Builder) {
	if len(c.lines) == 0 || len(c.lines[0].points) < 2 {
		return
	}
	points := c.lines[0].points
	for i := range points {
		if len(points) > mostHover && i%(len(points)/mostHover+1) != 0 {
			continue
		}
		from, to := left, wide-right
		if i > 0 {
			from = (c.x(points[i-1].at) + c.x(points[i].at)) / 2
		}
		if i+1 < len(points) {
			to = (c.x(points[i].at) + c.x(points[i+1].at)) / 2
		}
		fmt.Fprintf(b, `<rect class="hover" x="%.1f" y="%g" width="%.1f" height="%g"><title>%s`, from, top, max(to-from, 0.1), plotHeight, clockTime(points[i].at))
		for _, l := range c.lines {
			if i < len(l.points) {
				fmt.Fprintf(b, "\n%s %s", html.EscapeString(l.name), html.EscapeString(c.format(l.points[i].v)))
			}
		}
		b.WriteString("</title></rect>")
	}
}

// timeTicks are round times, at most nine.
func timeTicks(total time.Duration) []time.Duration {
	step := time.Second
	for _, s := range []int{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400} {
		step = time.Duration(s) * time.Second
		if total/step <= 8 {
			break
		}
	}
	var all []time.Duration
	for at := time.Duration(0); at <= total; at += step {
		all = append(all, at)
	}
	return all
}

// clockTime is a time of the test: 90 s, or 1:30 h.
func clockTime(at time.Duration) string {
	switch s := int(at.Round(time.Second).Seconds()); {
	case s < 120:
		return fmt.Sprintf("%d s", s)
	case s < 2*3600:
		return fmt.Sprintf("%d:%02d min", s/60, s%60)
	default:
		return fmt.Sprintf("%d:%02d h", s/3600, s/60%60)
	}
}

// count formats a number of things.
func count(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.4gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.4gk", v/1e3)
	default:
		return fmt.Sprintf("%.4g", v)
	}
}

// seconds formats a latency.
func seconds(v float64) string {
	if v == 0 {
		return "0 s"
	}
	return short(time.Duration(v * float64(time.Second)))
}
