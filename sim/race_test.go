//go:build race

package sim

// fewSeeds is how many are run in every test run: under the race detector each takes much longer.
const fewSeeds = 100
