package fanout

import (
	"time"

	"tutti/clock"
	"tutti/front"
)

// Serve answers one write. It sets x.Status; counting the route's requests is the caller's.
// Loops (Via) and routing were checked before.
func (f *Fanout) Serve(x *front.Exchange) {
	w := f.newWrite(x)
	body, whole := x.Body()
	var send uint64
	if whole {
		if f.o.OrderBy.Given() {
			f.takeKey(&x.Req, w, body)
		}
		r := f.acceptWhole(w, len(x.Req.Head), len(body), &send)
		if r != admitted {
			f.dropWrite(w)
			f.refuse(x, r)
			return
		}
		f.compose(x, w, body)
		if r = f.record(w); r != admitted {
			f.dropWrite(w)
			f.refuse(x, r)
			return
		}
	} else if !f.acceptStream(x, w, &send) {
		f.dropWrite(w)
		return
	}
	inline := f.launch(x, w, send)
	r := f.await(w, inline)
	f.respond(x, &r)
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
	w.reset()
	f.writes.Put(w)
}

// dropWrite takes back one that was never accepted.
func (f *Fanout) dropWrite(w *write) {
	f.buffers.put(w.memory)
	w.request, w.memory = nil, nil
	f.putWrite(w)
}

// reply is what the client is told. It refers to nothing of the write.
type reply struct {
	verdict  verdict
	response *response // for acknowledged and refused
	view     View      // for the others
	tally    tally
}

// await applies what became of the legs in inline, which the client's goroutine ran, and waits
// for the verdict.
func (f *Fanout) await(w *write, inline uint64) reply {
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
	if w.verdict != undecided {
		r := f.concludeLocked(w, w.verdict, now)
		f.unlock()
		return r
	}
	f.shedLocked(w)
	w.waiting = true
	left := w.accepted + int64(f.o.AckTimeout) - now
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
	stopping := stopped
	if f.o.Journal != nil {
		stopping = late // it goes on when we are back
	}
	select {
	case <-w.decided:
	case <-w.timer.C:
	case <-f.ended:
		otherwise = stopping
	}
	w.timer.Stop()
	f.mu.Lock()
	defer f.unlock()
	v := w.verdict
	if v == undecided {
		v = otherwise
	}
	w.waiting = false
	select { // the verdict and the time's end may have met
	case <-w.decided:
	default:
	}
	return f.concludeLocked(w, v, clock.Now())
}

// concludeLocked ends the client's part in w with verdict v.
func (f *Fanout) concludeLocked(w *write, v verdict, now int64) (r reply) {
	r.verdict, r.tally = v, w.tallyLocked(now)
	switch v {
	case acknowledged:
		r.response, w.good = w.good, nil
	case refused:
		if w.bad != nil && w.bad.status == w.deliveries[0].status {
			r.response, w.bad = w.bad, nil
		} else {
			r.response = f.statusResponse(w.deliveries[0].status)
		}
	case late, failed, stopped, undecided:
		r.view = f.viewLocked(w, false, now)
	}
	f.ledger.weigh(w, -r.response.size()-w.good.size()-w.bad.size())
	f.freeResponse(w.good)
	f.freeResponse(w.bad)
	w.good, w.bad = nil, nil
	f.ledger.answered(w, v >= failed, now)
	return r
}
