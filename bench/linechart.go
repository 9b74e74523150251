package main

import (
	"fmt"
	"slices"
	"strings"
)

// The measures of a panel and of the chart around it.
const (
	panelWide, panelHigh = 360.0, 270.0
	panelLeft, panelTop  = 56.0, 78.0
	panelRight, panelLow = 16.0, 46.0
)

// plot maps values to places in one panel.
type plot struct {
	left, top, wide, high float64
	x, y                  axis
}

func (p plot) place(x, y float64) [2]float64 {
	return [2]float64{p.left + p.x.at(x)*p.wide, p.top + (1-p.y.at(y))*p.high}
}

// draw is the curve's chart: its panels beside each other.
func (c *curve) draw() []byte {
	s := newSVG(panelWide*float64(len(c.panels)), panelHigh, c.title, c.describe())
	for i, p := range c.panels {
		c.drawPanel(s, p, panelWide*float64(i))
	}
	return s.bytes()
}

// describe says in words what is drawn.
func (c *curve) describe() string {
	var t strings.Builder
	for _, p := range c.panels {
		for _, l := range p.lines {
			x, y := l.medians()
			if n := len(x) - 1; n >= 0 {
				fmt.Fprintf(&t, "%s, %s: %s at %s, %s at %s %s. ", l.label, p.unit, figure(y[0]), amount(x[0]), figure(y[n]), amount(x[n]), c.x)
			}
		}
	}
	return t.String()
}

func (c *curve) drawPanel(s *svg, p panel, left float64) {
	at := plot{left: left + panelLeft, top: panelTop, wide: panelWide - panelLeft - panelRight, high: panelHigh - panelTop - panelLow}
	at.x, at.y = c.axes(p)
	for _, v := range at.y.ticks {
		y := at.place(at.x.low, v)[1]
		s.line(at.left, y, at.left+at.wide, y, "grid")
		s.text(at.left-6, y+4, "soft", "end", tickLabel(v))
	}
	for _, v := range at.x.ticks {
		x := at.place(v, 0)[0]
		s.line(x, at.top+at.high, x, at.top+at.high+4, "axis")
		s.text(x, at.top+at.high+17, "soft", "middle", tickLabel(v))
	}
	s.line(at.left, at.top+at.high, at.left+at.wide, at.top+at.high, "axis")
	s.text(at.left+at.wide/2, at.top+at.high+36, "soft", "middle", c.x)
	s.text(left+14, 44, "", "start", p.unit)
	x := left + 14
	for i, l := range p.lines {
		s.mark(x+4, 58, i)
		s.text(x+13, 62, "soft", "start", l.label)
		x += 13 + 6.2*float64(len(l.label)) + 16
		l.draw(s, at, i)
	}
}

// axes hold all of a panel's values.
func (c *curve) axes(p panel) (x, y axis) {
	var xs []float64
	high := 0.0
	for _, l := range p.lines {
		for _, p := range l.points {
			xs, high = append(xs, p.x), max(high, slices.Max(p.y))
		}
	}
	y = linearAxis(high, 4)
	if len(xs) == 0 {
		return linearAxis(1, 5), y
	}
	if c.log {
		return logAxis(slices.Min(xs), slices.Max(xs)), y
	}
	x = linearAxis(slices.Max(xs), 5)
	return x, y
}

// draw draws the medians, the rounds' spread, and the straight line that fits.
func (l *line) draw(s *svg, at plot, kind int) {
	class := fmt.Sprintf(" c%d", kind%palette)
	xs, ys := l.medians()
	var through [][2]float64
	for i, x := range xs {
		through = append(through, at.place(x, ys[i]))
		low, high := at.place(x, slices.Min(l.points[i].y)), at.place(x, slices.Max(l.points[i].y))
		if len(l.points[i].y) > 1 {
			s.line(low[0], low[1], high[0], high[1], "whisker")
		}
	}
	s.path(through, "line"+class)
	if len(through) <= mostRows {
		for _, p := range through {
			s.mark(p[0], p[1], kind)
		}
	}
	if f := l.fit(); l.fitted && !at.x.log && len(xs) > 1 {
		from, to := at.place(xs[0], f.value(xs[0])), at.place(xs[len(xs)-1], f.value(xs[len(xs)-1]))
		s.line(from[0], from[1], to[0], to[1], "whisker fit")
	}
}
