package fanout

import (
	"time"

	"tutti/backend"
	"tutti/clock"
	"tutti/wire"
)

// final makes of a first receiving on c the final answer: interim ones are left out (RFC 9110
// §15.2 allows it, and which of several backends' would a client want?). It tells the backend
// what it showed, as Exchange does for the exchanges it makes.
func (f *Fanout) final(d *delivery, c *backend.Conn, err error, resp *wire.Response) error {
	for err == nil && resp.Status < 200 && resp.Status != 101 {
		err = c.Receive(d.w.head, resp)
	}
	if err == nil && c.Tired(resp) {
		err = backend.ErrStale // Exchange will send it once more, as it does with its own
	}
	if err == nil && resp.Status == 101 {
		err = backend.ErrProtocol // Upgrade is not passed on with a write
	}
	if err != nil {
		if failure := asFailure(err); failure != backend.ErrInterrupted && !failure.Stale {
			d.to.b.Failed(failure)
			d.to.m.Error()
		}
		return err
	}
	d.to.b.Succeeded()
	d.to.m.Served(resp.Status, clock.Now()-d.w.accepted)
	return nil
}

// heard notes the head of d's answer and begins to keep the answer if it may be of use to the
// client and better says that no other is better.
func (f *Fanout) heard(d *delivery, resp *wire.Response, wanted bool) *response {
	o := &d.out
	o.status = resp.Status
	success := f.rules.success.Has(o.status)
	if !success && resp.Has(wire.RetryAfter) {
		o.retryAfter = retryAfter(resp.Value(wire.RetryAfter), time.Now())
	}
	keep := wanted && d.w.wanted.Load() &&
		(success || f.rules.reject.Has(o.status) || f.rules.unanimous && !d.firstEnded && blamesRequest(o.status))
	return f.newResponse(d, resp, keep)
}

// deliver hands a finished answer to d's outcome if somebody wants it.
func (f *Fanout) deliver(d *delivery, a *response) {
	if a.buf == nil && a.word == "" {
		f.freeResponse(a)
		return
	}
	d.out.response = a
}
