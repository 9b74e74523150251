// Package trust says whose word about a client's address is taken, and what the address is.
package trust
