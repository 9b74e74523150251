package main

import "time"

// eachPoint is how long a point of a curve is measured for in a round.
const eachPoint = time.Second

// growth is how far the curves go.
type growth struct {
	rounds      int
	backends    []int
	connections []int
	bodies      []int
	owed        int
}

func (o options) growthPlan() growth {
	g := growth{
		rounds:      min(o.rounds, 3),
		backends:    []int{1, 2, 4, 8, 16},
		connections: []int{1, 10, 100, 1000, 10000},
		bodies:      bodies,
		owed:        o.owed,
	}
	if o.ends {
		g.backends, g.connections, g.bodies = []int{1, 4}, []int{1, 1000}, []int{0, 1 << 20}
	}
	return g
}
