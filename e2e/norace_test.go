//go:build !race

package e2e

// raced tells that the program was built under the race detector, which costs memory and time.
const raced = false
