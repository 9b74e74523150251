// Package backend talks to servers: connections to each of them, exchanges on them, whose
// turn it is and who is live.
//
// A claim takes a connection from the pool's lock and works on it outside; the claimer owns it
// until its one Release or Close. No wait has a deadline of its own: the owner stores when it
// is due, and the Group's sweeper cuts what is overdue by setting the socket's deadline to the
// past. Because such a cut can come after the wait it was meant for, an owner that meets one
// looks at its own stamps and flags, and goes on when none of them explains it.
//
// # Who is live
//
// Three voices are heard about a backend, and health alone makes one State of them. A held or
// drained one is Held or Drained whatever else; an unhealthy one Unhealthy, ejected or not; then
// Ejected; then Live.
//
//   - An operator: Drain takes it out, and so does Hold, while which no write is sent either; Resume takes
//     it back and ends an ejection. Checks go on meanwhile.
//   - Exchanges: EjectAfter consecutive failures eject it, however well its checks pass; each
//     ejection is twice as long as the one before. Time, an answer to any exchange, Resume or
//     checks end one. After time or checks it is on probation: one more failure ejects again, an
//     answer ends it.
//   - Checks: Fall consecutive ones that fail make it unhealthy, whatever its exchanges do, and
//     only Rise consecutive ones that pass make it healthy again. They end an ejection, too, if all
//     of them began after it and after the last failed connect. While it is unhealthy failures
//     eject nobody: it is out already.
//
// A fresh start is Live. Whatever was down and is live again returns slowly: it takes 1 in 16 of
// its turns, and twice as many after each second, so all of them after 4 s; sooner if it was down
// for less than that. Time in which it takes no reads, since it is drained, held or still lacks writes that
// others have, does not count. The turns it lets pass go to the next in the ring, so that the others stay
// as equal as ever. Nobody returns slowly where all do.
//
// Retrying elsewhere, or again, is decided above this package by a Failure's Outcome.
package backend
