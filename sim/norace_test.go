//go:build !race

package sim

// fewSeeds is how many are run in every test run.
const fewSeeds = 1000
