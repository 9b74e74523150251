// Package harness runs the real program and plays both of its neighbours: clients that write
// exact bytes, and backends that record byte for byte what they were sent and misbehave as told.
// It knows Tutti's contract (flags, paths, metrics), not its code.
package harness
