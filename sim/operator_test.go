package sim

import (
	"errors"
	"time"

	"tutti/fanout"
)

// operate does what the plan's operators do.
func (w *world) operate() {
	for _, a := range w.p.operators {
		w.act(a)
	}
}

func (w *world) act(a action) {
	time.Sleep(a.at - w.h.now())
	p := w.process.Load()
	if p == nil {
		return
	}
	b := p.group.All()[a.replica]
	if a.kind == actDrain {
		w.h.note("operator drains replica %d", a.replica)
		b.Drain()
	} else if a.kind == actResume {
		w.h.note("operator resumes replica %d", a.replica)
		b.Resume()
	} else if all := p.fanout.List(a.kind.filter()); len(all) > 0 {
		w.decide(p, all[a.any%len(all)], a.kind)
	}
	w.look()
}

// filter selects what the action may be about.
func (k actionKind) filter() fanout.Filter {
	if k == actGiveUp {
		return fanout.Filter{}
	}
	return fanout.Filter{State: "parked"}
}

// decide does something about a write.
func (w *world) decide(p *process, v fanout.View, k actionKind) {
	op := number([]byte(v.Path), "op=")
	w.mu.Lock()
	rec := w.writes[op]
	if k == actForce {
		rec.forced = true // before it can be sent
	}
	was := rec.dropped
	if k == actDrop || k == actGiveUp {
		rec.dropped = true
	}
	w.mu.Unlock()
	var err error
	if k == actRetry || k == actForce {
		err = p.fanout.Retry(v.ID, k == actForce)
	} else {
		err = p.fanout.Drop(v.ID)
	}
	w.h.note("operator: %v op %d: %v", k, op, err)
	if err != nil && !errors.Is(err, fanout.ErrJournal) { // that is done, and may be forgotten
		w.mu.Lock()
		rec.dropped = was
		w.mu.Unlock()
	}
}
