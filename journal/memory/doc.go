// Package memory is the journal engine of tests and simulations: a Store is a disk that can lose
// power, fill up and fail.
package memory
