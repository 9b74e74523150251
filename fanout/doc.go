// Package fanout sends each write to every backend, and again to those that failed, until
// all have it or it is reported: in the answer, on its page, in the log and in the metrics.
//
// A write is accepted when its body is complete and within the bounds (admit.go). The
// client's goroutine then sends it to the backends that are up and have nothing queued, and
// reads their answers in turn (launch.go); what that can't do without waiting long goes on in
// legs, goroutines of their own. What became of each attempt is judged in one place
// (apply.go), by pure rules (judge.go). What failed is queued for its backend (queue.go), whose
// deliverer starts legs for what is due. The client is answered when the verdict is found
// (verdict.go), or its time is over.
//
// A request with the Idempotency-Key of a write there is (idempotency.go) becomes no write: it
// waits for that one's verdict (joiner.go) and gets that one's answer (kept.go).
//
// Everything that changes is behind one lock, Fanout.mu, under which nothing waits: the
// accounting (ledger.go), the queues and each delivery's state. Logging happens after it.
//
// An answer is held to be given to the client, up to MaxWriteSize. A longer one counts by its
// status all the same, as does one that is cut short: the client then gets the answer of
// another backend that has delivered, or, if there is none that is whole, that status with an
// empty body and a Proxy-Status that says why (http_response_body_size or
// http_response_incomplete, RFC 9209 §2.3). The same becomes of one that would have to wait for
// other backends when MaxPendingBytes are held already. Interim answers (1xx) to a write are left out.
package fanout
