// Package disk is the durable journal engine, on Pebble.
//
// A journal's directory holds
//
//	LOCK     held by the process that has it open
//	format   the version of all this, for people and for us
//	newest   evidence of how far the log went, that no damage to the log can take back
//	db/      Pebble's files
//
// and Pebble's keys are, numbers being big-endian and blocks being journal.Block's,
//
//	a<backend><seq>    journal.Note
//	b<name>            a backend's number and flags
//	d<backend><block>  bits of the entries it has
//	e<expires><seq>    that a record is due then, if the record still says so
//	f<seq>             journal.Kept
//	k<scope>           the sequence of the last write under a client's key
//	m/chain            merged from every batch: see chain
//	m/secret           State.Secret
//	s<block>           bits of the entries there are
//	w<seq>             journal.Entry
//
// An entry is there if its bit in s says so; what else lies in w is waiting to be removed, by
// ranges, since a tombstone for each entry would cost as much as the entry. A restart reads the
// bits, not the entries.
//
// One lock orders all batches. Appends share a batch and its sync. Updates are applied without one
// and ride on the next; until then they are remembered, and done again should the log fail.
package disk
