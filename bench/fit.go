package main

import (
	"fmt"
	"math"
)

// fit is the straight line at + slope·x that comes closest to points, by least squares.
type fit struct {
	at, slope float64
	r2        float64 // 1: the points lie on it; not a number when all of them have one value
}

// fitLine fits at least two points with different x.
func fitLine(x, y []float64) fit {
	n := float64(len(x))
	var sx, sy float64
	for i := range x {
		sx, sy = sx+x[i], sy+y[i]
	}
	mx, my := sx/n, sy/n
	var xx, xy, yy float64
	for i := range x {
		dx, dy := x[i]-mx, y[i]-my
		xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
	}
	slope := xy / xx
	return fit{at: my - slope*mx, slope: slope, r2: xy * xy / (xx * yy)}
}

func (f fit) value(x float64) float64 { return f.at + f.slope*x }

func (f fit) String() string {
	sign := "+"
	if f.slope < 0 {
		sign = "−"
	}
	r2 := fmt.Sprintf("%.4f", f.r2)
	if math.IsNaN(f.r2) {
		r2 = "undefined, it is the same everywhere"
	}
	return fmt.Sprintf("%s %s %s·x, R² = %s", figure(f.at), sign, figure(math.Abs(f.slope)), r2)
}

// figure is v with three digits that count, its thousands apart.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1000:
		s := grouped(int(math.Round(a)))
		if v < 0 {
			s = "−" + s
		}
		return s
	case a >= 100 || a == 0:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.2g", v)
	}
}
