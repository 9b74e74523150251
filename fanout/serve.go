package fanout

import (
	"time"

	"tutti/clock"
	"tutti/front"
)

// Serve answers one write. It sets x.Status; counting the route's requests is the caller's.
// Loops (Via) and routing were checked before.
func (f *Fanout) Serve(x *front.Exchange) {
	if !usableKey(&x.Req) {
		f.refuse(x, badKey)
		return
	}
	p := f.preference(x)
	w := f.newWrite(x)
	w.disclosed = p.limit == 0
	body, whole := x.Body()
	var send uint64
	if whole && !f.acceptHere(x, w, body, &send) || !whole && !f.acceptStream(x, w, &send) {
		first, record := w.first, w.record
		f.dropWrite(w)
		switch {
		case first != nil:
			f.join(x, first, p)
		case record != nil:
			record.prefer = p
			f.respond(x, record)
		}
		return
	}
	ended := f.launch(x, w, send, f.inline && p.limit >= 10*patience)
	r := f.await(w, ended, p.limit)
	r.prefer = p
	f.respond(x, &r)
}

// takeKeys takes w's ordering key and what its Idempotency-Key makes of it. The body is whole.
func (f *Fanout) takeKeys(x *front.Exchange, w *write, body []byte) {
	if f.o.OrderBy.Given() {
		f.takeKey(&x.Req, w, body)
	}
	f.takeScope(&x.Req, w, body)
}

// newWrite takes a write from the pool for x.
func (f *Fanout) newWrite(x *front.Exchange) *write {
	w := f.writes.Get().(*write)
	w.begin(f.deliverers)
	w.head = string(x.Req.Method) == "HEAD"
	w.line = append(append(append(w.line, x.Req.Method...), ' '), x.Req.Path...)
	w.methodN = len(x.Req.Method)
	return w
}

// putWrite takes back a write that nobody refers to.
func (f *Fanout) putWrite(w *write) {
	for _, a := range [...]*response{w.good, w.bad, w.kept} {
		f.freeResponse(a)
	}
	w.good, w.bad = nil, nil
	f.waiters.remove(w)
	w.reset()
	f.writes.Put(w)
}

// dropWrite takes back one that was never accepted.
func (f *Fanout) dropWrite(w *write) {
	f.buffers.put(w.memory)
	w.request, w.memory = nil, nil
	if w.voided == admitted {
		f.putWrite(w)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ledger.release(w) // others may have repeated it
}

// reply is what the client is told. It refers to nothing of the write.
type reply struct {
	verdict  verdict
	response *response // for acknowledged and refused
	view     View      // for the others
	tally    tally
	prefer   preference
	refusal  refusal // it was not accepted after all
	update   uint64  // the journal's that has to be on disk before; 0: none
}

// await applies what became of the legs in inline, which the client's goroutine ran, and waits
// for the verdict, at most limit since w was accepted.
func (f *Fanout) await(w *write, inline uint64, limit time.Duration) reply {
	now := clock.Now()
	f.mu.Lock()
	for i := range w.deliveries {
		if inline&(1<<i) != 0 {
			d := &w.deliveries[i]
			f.applyLocked(d, now)
			if d.to.queue.ready.len() > 0 || d.heap != nil || d.state == parked {
				d.to.stir()
			}
		}
	}
	f.decideLocked(w)
	v := w.verdict
	if limit == 0 {
		v = late // as asked for, even if the answer happens to be here
	}
	if v != undecided {
		r := f.concludeLocked(w, v, now)
		f.unlock()
		return r
	}
	f.shedLocked(w)
	w.waiting = true
	f.waiters.add(w)
	left := w.accepted + int64(limit) - now
	f.unlock()
	return f.wait(w, time.Duration(max(left, 0)))
}

// wait waits for the verdict, at most d.
func (f *Fanout) wait(w *write, d time.Duration) reply {
	if w.timer == nil {
		w.timer = time.NewTimer(d)
	} else {
		w.timer.Reset(d)
	}
	otherwise := late
	select {
	case <-w.decided:
	case <-w.timer.C:
	case <-f.ended:
		otherwise = f.stopping()
	}
	w.timer.Stop()
	f.mu.Lock()
	defer f.unlock()
	v := w.verdict
	if v == undecided {
		v = otherwise
	}
	if w.waiting = false; w.news == nil {
		f.waiters.remove(w)
	}
	select { // the verdict and the time's end may have met
	case <-w.decided:
	default:
	}
	return f.concludeLocked(w, v, clock.Now())
}

// concludeLocked ends one client's part in w with verdict v.
func (f *Fanout) concludeLocked(w *write, v verdict, now int64) (r reply) {
	r.verdict, r.tally = v, w.tallyLocked(now)
	switch v {
	case acknowledged, refused:
		if w.scoped {
			r.response = w.kept.share()
		} else {
			r.response = f.takeAnswerLocked(w)
		}
	case late, failed, stopped, undecided:
		r.view = f.viewLocked(w, false, now)
	}
	if w.scoped {
		w.late = v == late
	} else {
		f.dropAnswersLocked(w)
		w.wanted.Store(false)
	}
	w.refs++
	known := w.disclosed // to the journal, too
	f.ledger.answered(w, v >= failed, now)
	if f.o.Journal != nil {
		r.update = f.updateFor(w, v, known)
	}
	f.ledger.release(w)
	return r
}

// updateFor is the journal's update that has to be on disk before a client is told v: the answer
// of a keyed write, or that the id was told, by which its page is asked for. 0: none.
func (f *Fanout) updateFor(w *write, v verdict, known bool) uint64 {
	switch answer := v == acknowledged || v == refused; {
	case answer && !w.scoped, !answer && (known || f.o.KeepFor == 0):
		return 0
	case answer && w.saved != 0:
		return w.saved
	}
	return f.keeper.begun + 1
}
