package sim

import (
	"encoding/json"
	"strconv"
	"strings"

	"tutti/fanout"
)

// statusUnkept is a 503 that says that the write was accepted, and is to be asked for again.
const statusUnkept = 599

// answered checks what the client of a write is told.
func (w *world) answered(rec *record, a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.status == 503 && rec.clientKey != "" && strings.Contains(a.body, "was accepted") {
		a.status = statusUnkept
	}
	rec.answered, rec.status = w.h.now(), a.status
	what := "a page" // with an id in it that no seed decides
	if a.status == 201 {
		what, _, _ = strings.Cut(a.body, ".")
	}
	w.h.note("client %d is told %d to op %d: %s", rec.client, a.status, rec.op, what)
	waited := rec.answered - rec.sentAt
	switch a.status {
	case 201:
		w.acknowledged(rec, a)
	case 202:
		rec.id = strings.TrimPrefix(a.header.Get("Location"), "/-/writes/")
		if waited < w.p.ackTimeout && !(w.p.journal && w.endedSince(rec.sentAt)) || len(rec.id) != 32 {
			w.h.wrong("op %d is answered 202 after %v, at %q", rec.op, waited, rec.id)
		}
	case 404:
		for i := range rec.at {
			if !rec.at[i].missing {
				w.h.wrong("op %d is answered 404, which replica %d never said", rec.op, i)
			}
		}
	case 413:
		if int64(len(rec.body)) <= w.p.maxWrite {
			w.h.wrong("op %d is answered 413", rec.op)
		}
	case 502:
		w.gaveUp(rec, a)
	case statusUnkept:
		if len(w.p.diskFaults) == 0 && w.p.maxDisk == 0 && !w.endedSince(rec.sentAt) {
			w.h.wrong("op %d is accepted, but its answer not kept", rec.op)
		}
	case 503:
		if w.p.maxPending > 100 && w.p.maxBytes > 1<<20 && len(w.p.diskFaults) == 0 && w.p.maxDisk == 0 && !w.stopped && !w.endedSince(rec.sentAt) {
			w.h.wrong("op %d is answered 503", rec.op)
		}
	default:
		w.h.wrong("op %d is answered %d", rec.op, a.status)
	}
	if !accepted(a.status) && rec.seq != 0 {
		w.h.wrong("op %d is refused with %d, and was sent on", rec.op, a.status)
	}
}

// acknowledged checks a 201: so many have it, and it is the answer of one of them.
func (w *world) acknowledged(rec *record, a answer) {
	need, _, _ := fanout.ParseAck(w.p.ack, w.p.backends)
	have := 0
	for i := range rec.at {
		if rec.at[i].success > 0 {
			have++
		}
	}
	if have < need {
		w.h.wrong("op %d is acknowledged with %d of %d answers", rec.op, have, need)
	}
	name, ok := strings.CutPrefix(a.body, "done on ")
	if !ok && a.header.Get("Proxy-Status") != "" {
		return // it was cut short
	}
	if i, err := strconv.Atoi(name); err != nil || i >= len(rec.at) || rec.at[i].success == 0 {
		w.h.wrong("op %d is answered %q", rec.op, a.body)
	}
}

// gaveUp checks a 502: something was parked, rejected by some, dropped, or Tutti stops.
func (w *world) gaveUp(rec *record, a answer) {
	var problem struct {
		ID       string
		Backends []json.RawMessage
	}
	if err := json.Unmarshal([]byte(a.body), &problem); err != nil || len(problem.Backends) != w.p.backends {
		w.h.wrong("op %d is answered 502 with %q", rec.op, a.body)
	}
	rec.id = problem.ID
	if w.p.policy.Attempts == 0 && !w.p.rejectsList() && !rec.dropped && !w.refusedByAll(rec) && !w.stopped && !w.endedSince(rec.sentAt) {
		w.h.wrong("op %d is answered 502, and nothing was parked or rejected", rec.op)
	}
}
