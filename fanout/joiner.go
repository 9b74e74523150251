package fanout

import (
	"time"

	"tutti/clock"
	"tutti/front"
)

// joiner is a request that repeats a write's and waits for its answer.
type joiner struct {
	x         *front.Exchange
	abandoned chan struct{} // of one
}

// Abandon is called by the front when the client is seen to have left, and when it stops.
func (j *joiner) Abandon() { poke(j.abandoned) }

// left tells whether it was abandoned since nobody is there to be answered.
func (j *joiner) left() bool { return j.x.Left() || !j.x.Dismissed() }

// join answers x, whose request is the one that became w. The caller gives its reference to w away.
func (f *Fanout) join(x *front.Exchange, w *write, p preference) {
	otherwise := undecided
	if p.limit == 0 {
		otherwise = late
	}
	r, news := f.look(w, otherwise, p.asked)
	if news != nil {
		j := joiner{x: x, abandoned: make(chan struct{}, 1)}
		x.Hold(&j)
		var stayed bool
		r, stayed = f.follow(w, &j, news, p)
		x.Hold(nil)
		if !stayed {
			x.Status = statusLeft
			x.Abort()
			return
		}
	}
	if r.refusal != admitted {
		f.refuse(x, r.refusal)
		return
	}
	r.prefer = p
	f.respond(x, &r)
}

// look concludes a repeat's part in w if there is a verdict, or one otherwise, or somebody was told
// 202 and this client waits not in spite of that. If not it returns what is closed when there is news.
func (f *Fanout) look(w *write, otherwise verdict, waits bool) (r reply, news <-chan struct{}) {
	f.mu.Lock()
	defer f.unlock()
	if w.class == classNone { // not on disk yet: nobody may be told anything
		if w.voided == admitted {
			return r, f.newsLocked(w)
		}
		r.refusal = w.voided
		f.leaveLocked(w)
		return r, nil
	}
	f.decideLocked(w) // anew, if it was that --ack can't be met
	v := w.verdict
	if v == undecided {
		v = otherwise
	}
	if v == undecided && w.late && !waits {
		v = late
	}
	if v == undecided {
		return r, f.newsLocked(w)
	}
	return f.concludeLocked(w, v, clock.Now()), nil
}

// follow waits for the verdict on w, at most as long as p says. It returns false when the client left.
func (f *Fanout) follow(w *write, j *joiner, news <-chan struct{}, p preference) (r reply, stayed bool) {
	timer := time.NewTimer(p.limit)
	defer timer.Stop()
	otherwise, ended := undecided, f.ended
	for news != nil {
		select {
		case <-news:
		case <-timer.C:
			otherwise = late
		case <-ended:
			otherwise, ended = f.stopping(), nil // once: it stays closed
		case <-j.abandoned:
			if j.left() {
				f.mu.Lock()
				f.leaveLocked(w)
				f.mu.Unlock()
				return r, false
			}
			otherwise = f.stopping()
		}
		r, news = f.look(w, otherwise, true)
	}
	return r, true
}

// leaveLocked ends the part in w of a repeat that is told nothing of it.
func (f *Fanout) leaveLocked(w *write) {
	f.ledger.wanted--
	f.ledger.quiet()
	f.ledger.release(w)
}

// newsLocked is closed when there is a verdict on w, or it is accepted or not.
func (f *Fanout) newsLocked(w *write) <-chan struct{} {
	if w.news == nil {
		w.news = make(chan struct{})
	}
	f.waiters.add(w)
	return w.news
}

// wakeLocked has everybody who waits for w look at it.
func (f *Fanout) wakeLocked(w *write) {
	f.waiters.remove(w)
	if w.waiting {
		w.waiting = false
		w.decided <- struct{}{}
	}
	if w.news != nil {
		close(w.news)
		w.news = nil
	}
}
