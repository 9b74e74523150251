package main

import (
	"fmt"
	"slices"
	"strings"
)

// bars is one figure of several programs, in several settings.
type bars struct {
	file   string // without the ending
	title  string
	unit   string
	groups []group
}

type group struct {
	label string
	bars  []bar // the first is ours
}

// bar is its length by round: it is drawn to the median, and the spread as a line.
type bar struct {
	label  string
	values []float64
}

const (
	barsWide              = 720.0
	barsLeft, barsRight   = 110.0, 90.0
	barStep, barThick     = 18.0, 12.0
	groupHead, barsTop    = 24.0, 48.0
	beyond                = 4 // a bar more than so many times longer than the others' longest is cut off
	barsLow, barsPlotWide = 16.0, barsWide - barsLeft - barsRight
)

func (b *bars) draw() []byte {
	high := barsTop + barsLow
	for _, g := range b.groups {
		high += groupHead + barStep*float64(len(g.bars))
	}
	s := newSVG(barsWide, high, b.title, b.describe())
	s.text(14, 40, "soft", "start", b.unit+"; the line is the rounds' spread")
	longest := b.longest()
	y := barsTop
	for _, g := range b.groups {
		s.text(14, y+17, "strong", "start", g.label)
		y += groupHead
		for i, r := range g.bars {
			r.draw(s, y, longest, i == 0)
			y += barStep
		}
	}
	return s.bytes()
}

func (r bar) draw(s *svg, y, longest float64, ours bool) {
	class, weight := "peer", ""
	if ours {
		class, weight = "ours", "strong"
	}
	m := median(r.values)
	least, most := slices.Min(r.values), slices.Max(r.values)
	label := figure(m)
	end := barsLeft + min(1, m/longest)*barsPlotWide
	s.text(barsLeft-8, y+10, weight, "end", r.label)
	s.rect(barsLeft, y, end-barsLeft, barThick, class)
	if m > longest {
		s.text(end+6, y+10, weight, "start", label+" →")
		return
	}
	to := barsLeft + min(1, most/longest)*barsPlotWide
	s.line(barsLeft+least/longest*barsPlotWide, y+barThick/2, to, y+barThick/2, "spread")
	s.text(max(end, to)+6, y+10, weight, "start", label)
}

// longest is where the axis ends: at the longest bar that is not far beyond the others.
func (b *bars) longest() float64 {
	var all []float64
	for _, g := range b.groups {
		for _, r := range g.bars {
			all = append(all, median(r.values))
		}
	}
	slices.Sort(all)
	n := len(all)
	for n > 1 && all[n-1] > beyond*all[n-2] {
		n--
	}
	if n == 0 || all[n-1] <= 0 {
		return 1
	}
	return all[n-1]
}

// describe says in words what is drawn.
func (b *bars) describe() string {
	var t strings.Builder
	for _, g := range b.groups {
		fmt.Fprintf(&t, "%s, %s:", b.unit, g.label)
		for _, r := range g.bars {
			fmt.Fprintf(&t, " %s %s;", r.label, figure(median(r.values)))
		}
		t.WriteString(" ")
	}
	return t.String()
}
