// Package sim holds the simulation: the real front, fan-out, balancer and backends' connections in
// a bubble of fake time, between replicas and clients in memory that misbehave by a seed. After
// each seed what is promised is checked against what the replicas and the clients saw.
//
//	go test ./sim -run Simulation            # as many seeds as in every test run
//	go test ./sim -run Simulation -seed 17   # that one, and its history
//	go test ./sim -run Simulation -seeds 100000
//
// Everything drawn is drawn from the seed: options, weather, what clients and operators do, what
// a replica does about the n-th time it is sent a write. Times are distinct to the nanosecond, so that
// mostly one thing happens at a time. What the seed does not decide: which of several goroutines
// that are ready at the same moment runs first, a write's id, and the pauses between health checks.
package sim
