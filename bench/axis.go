package main

import (
	"math"
	"strconv"
)

// axis maps values to 0 … 1.
type axis struct {
	low, high float64
	log       bool
	ticks     []float64
}

// linearAxis goes from 0 to a round number not below high, in about n steps.
func linearAxis(high float64, n int) axis {
	if high <= 0 {
		high = 1
	}
	least := high / float64(n)
	step := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5, 10} {
		if step*m >= least*(1-1e-9) {
			step *= m
			break
		}
	}
	a := axis{}
	for i := 0; ; i++ {
		v := float64(i) * step
		a.ticks = append(a.ticks, v)
		if v >= high*(1-1e-9) {
			a.high = v
			return a
		}
	}
}

// logAxis goes from a power of ten not above low, which is more than 0, to one not below high.
func logAxis(low, high float64) axis {
	from, to := math.Floor(math.Log10(low)+1e-9), math.Ceil(math.Log10(high)-1e-9)
	a := axis{low: math.Pow(10, from), high: math.Pow(10, max(to, from+1)), log: true}
	for e := from; e <= max(to, from+1); e++ {
		a.ticks = append(a.ticks, math.Pow(10, e))
	}
	return a
}

func (a axis) at(v float64) float64 {
	if a.log {
		return math.Log(v/a.low) / math.Log(a.high/a.low)
	}
	return (v - a.low) / (a.high - a.low)
}

// tickLabel is short: 1500 is 1.5k.
func tickLabel(v float64) string {
	unit := ""
	switch {
	case v >= 1e6:
		v, unit = v/1e6, "M"
	case v >= 1e3:
		v, unit = v/1e3, "k"
	}
	return strconv.FormatFloat(v, 'g', 4, 64) + unit
}
