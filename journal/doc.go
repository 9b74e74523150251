// Package journal is where accepted writes lie until every backend has them: what an engine
// keeps and promises. Retrying, ordering and acknowledging are its user's business.
//
// An entry is a write as it is sent to the backends. It is known by its sequence, lives from
// Append to Update.Settled, and is on disk when Append returns. What became of it is noted by
// Update, which may be lost in a crash: the write is then sent again. Which backends have an
// entry is a bit per entry and backend, in blocks of BlockSize sequences; a bit that is not
// set, or a block that is not there, means that the backend still has to get it.
//
// Package memory is the engine of tests and simulations, package disk the durable one; both
// pass the suite in package journaltest.
package journal
