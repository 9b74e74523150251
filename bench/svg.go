package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// svg is a drawing: no script, no font and no picture from elsewhere. It has a ground of its own, so
// that it can be read on a page of any colour, and follows the reader's light or dark scheme.
type svg struct {
	body          bytes.Buffer
	width, height float64
}

// palette is how many colours lines have: classes c0, c1, …
const palette = 4

const style = `
text{font:11px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}
.title{font-size:13px;font-weight:600}.soft{fill:#59636e}.strong{font-weight:600}
.ground{fill:#fff;stroke:#d1d9e0}.grid{stroke:#d1d9e0}.axis{stroke:#818b98}.whisker{stroke:#59636e}.spread{stroke:#1f2328;stroke-width:1.5}
.fit{stroke-dasharray:2 4}.line{fill:none;stroke-width:2}.peer{fill:#aab4be}.ours{fill:#0969da}
.c0{stroke:#0969da}.c1{stroke:#bc4c00}.c2{stroke:#1a7f37}.c3{stroke:#8250df}
.p0{fill:#0969da}.p1{fill:#bc4c00}.p2{fill:#1a7f37}.p3{fill:#8250df}
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.soft{fill:#9198a1}.ground{fill:#0d1117;stroke:#3d444d}
.grid{stroke:#2f353d}.axis{stroke:#656c76}.whisker{stroke:#b7bdc8}.spread{stroke:#f0f6fc}.peer{fill:#565f69}.ours{fill:#4493f8}
.c0{stroke:#4493f8}.c1{stroke:#f0883e}.c2{stroke:#3fb950}.c3{stroke:#ab7df8}
.p0{fill:#4493f8}.p1{fill:#f0883e}.p2{fill:#3fb950}.p3{fill:#ab7df8}}
`

// newSVG begins a drawing. What it shows is told in words, to those who can't see it, by title and description.
func newSVG(width, height float64, title, description string) *svg {
	s := &svg{width: width, height: height}
	fmt.Fprintf(&s.body, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" role="img">`,
		unit(width), unit(height), unit(width), unit(height))
	fmt.Fprintf(&s.body, "\n<title>%s</title>\n<desc>%s</desc>\n<style>%s</style>\n", escaped(title), escaped(description), style)
	fmt.Fprintf(&s.body, `<rect class="ground" x="0.5" y="0.5" width="%s" height="%s" rx="6"/>`+"\n", unit(width-1), unit(height-1))
	s.text(14, 22, "title", "start", title)
	return s
}

func (s *svg) bytes() []byte { return append(bytes.Clone(s.body.Bytes()), "</svg>\n"...) }

// text is anchored at its start, middle or end.
func (s *svg) text(x, y float64, class, anchor, text string) {
	fmt.Fprintf(&s.body, `<text x="%s" y="%s" class="%s" text-anchor="%s">%s</text>`+"\n", unit(x), unit(y), class, anchor, escaped(text))
}

func (s *svg) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&s.body, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="%s"/>`+"\n", unit(x1), unit(y1), unit(x2), unit(y2), class)
}

func (s *svg) rect(x, y, width, height float64, class string) {
	fmt.Fprintf(&s.body, `<rect x="%s" y="%s" width="%s" height="%s" class="%s"/>`+"\n", unit(x), unit(y), unit(width), unit(height), class)
}

// path goes through the points.
func (s *svg) path(xy [][2]float64, class string) {
	var d strings.Builder
	for i, p := range xy {
		d.WriteString(map[bool]string{true: "M", false: "L"}[i == 0] + unit(p[0]) + " " + unit(p[1]))
	}
	fmt.Fprintf(&s.body, `<path d="%s" class="%s"/>`+"\n", d.String(), class)
}

// mark is a dot whose shape tells lines apart for who can't by colour.
func (s *svg) mark(x, y float64, kind int) {
	class := fmt.Sprintf("p%d", kind%palette)
	if kind%2 == 0 {
		fmt.Fprintf(&s.body, `<circle cx="%s" cy="%s" r="3" class="%s"/>`+"\n", unit(x), unit(y), class)
		return
	}
	s.rect(x-2.75, y-2.75, 5.5, 5.5, class)
}

// unit is a coordinate, to a tenth. What is no number has no place in a drawing.
func unit(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
	return b.String()
}
