//go:build race

package disk

// raced: under the race detector everything takes ten times as long.
const raced = true
