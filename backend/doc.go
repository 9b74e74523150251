// Package backend talks to servers: connections to each of them, exchanges on them, whose
// turn it is and who is live.
//
// A claim takes a connection from the pool's lock and works on it outside; the claimer owns it
// until its one Release or Close. No wait has a deadline of its own: the owner stores when it
// is due, and the Group's sweeper cuts what is overdue by setting the socket's deadline to the
// past. Because such a cut can come after the wait it was meant for, an owner that meets one
// looks at its own stamps and flags, and goes on when none of them explains it.
//
// Retrying elsewhere, or again, is decided above this package by a Failure's Outcome.
package backend
