package fanout

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"tutti/answer"
	"tutti/clock"
	"tutti/front"
	"tutti/journal"
)

// Page answers GET and HEAD of /-/writes/{id} on --listen: backends by position, 404 for an
// unknown id. It sets x.Status. The caller checked the method.
func (f *Fanout) Page(x *front.Exchange, id string) {
	v, ok := f.lookup(id, false)
	if !ok {
		f.problem(x, &answer.Problem{Status: 404, Error: "http_request_denied", Detail: "No such write, or it was finished too long ago."})
		return
	}
	body, err := json.Marshal(v)
	if err != nil {
		f.problem(x, &answer.Problem{Status: 500, Error: "proxy_internal_error"})
		return
	}
	respondJSON(x, body)
}

// Lookup finds a write by its id of 32 hex digits, with backends by name.
func (f *Fanout) Lookup(id string) (View, bool) { return f.lookup(id, true) }

func (f *Fanout) lookup(s string, names bool) (View, bool) {
	key, ok := parseID(s)
	if !ok {
		return View{}, false
	}
	if f.ids != nil {
		v, there, _ := f.peek(f.ids.open(key), new(journal.Entry), names)
		if !there || v.ID != s {
			return f.lookupRecord(key, names)
		}
		return v, true
	}
	w, _ := f.find(key)
	if w == nil {
		return View{}, false
	}
	now := clock.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.ledger.release(w)
	return f.viewLocked(w, names, now), true
}

// lookupRecord finds what the journal keeps of a settled write.
func (f *Fanout) lookupRecord(id [16]byte, names bool) (v View, ok bool) {
	if f.ids == nil {
		return v, false
	}
	k, err := f.o.Journal.Kept(f.ids.open(id))
	if err != nil {
		return v, false
	}
	d, err := readDraft(&k)
	if err != nil || !d.settled || k.Expires <= f.wallTime(clock.Now()).UnixNano() || d.view.ID != hex.EncodeToString(id[:]) {
		return v, false
	}
	if names {
		return d.view, true
	}
	return f.public(d.view), true
}

// find returns the write of an id, with a reference for the caller; nil: there is none. The
// error is why the journal could not be asked.
func (f *Fanout) find(id [16]byte) (*write, error) {
	if f.ids == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		w := f.ledger.byID[id]
		if w != nil {
			w.refs++
		}
		return w, nil
	}
	seq := f.ids.open(id)
	f.mu.Lock()
	r := f.ledger.records
	there := r.live.Has(seq) || r.bySeq[seq] != nil
	f.mu.Unlock()
	if !there {
		return nil, nil
	}
	w, err := f.fetchOne(seq)
	if w == nil || w.id == id {
		return w, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ledger.release(w)
	return nil, nil
}

// parseID reads an id: 32 lower-case hex digits.
func parseID(s string) (id [16]byte, ok bool) {
	if len(s) != 2*len(id) {
		return id, false
	}
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'F' {
			return id, false
		}
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil
}

// viewLocked is w as pages show it. names: for operators, with backends by name and what the
// request was.
func (f *Fanout) viewLocked(w *write, names bool, now int64) View {
	v := View{
		ID: w.idString(), State: w.class.String(), Durable: f.o.Journal != nil, Accepted: f.wallTime(w.accepted),
		Backends: make([]DeliveryView, len(w.deliveries)),
	}
	if names {
		v.Method, v.Path, v.Sequence = string(w.line[:w.methodN]), string(w.line[w.methodN+1:]), w.seq
	}
	for i := range w.deliveries {
		d := &w.deliveries[i]
		b := DeliveryView{
			State: d.state.String(), Attempts: d.attempts, Status: d.status, Error: d.word,
			NextAttempt: f.nextAttemptLocked(d, now),
		}
		if names {
			b.Backend.Name = d.to.b.Name()
		} else {
			b.Backend.Position = i + 1
		}
		v.Backends[i] = b
	}
	return v
}

// nextAttemptLocked is when d is tried next, nil when that is not a matter of time.
func (f *Fanout) nextAttemptLocked(d *delivery, now int64) *time.Time {
	at := int64(0)
	q := &d.to.queue
	switch {
	case d.state != waiting || d.heap == nil || q.held:
		return nil
	case d.heap == &q.waiting:
		at = d.due
	case d == q.ready.min() && !d.to.peer.Up():
		at = q.gate
	}
	if at <= now {
		return nil
	}
	t := f.wallTime(at)
	return &t
}
