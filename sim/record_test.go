package sim

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// record is what is known of one write: what its client sent and was told, and what each replica
// was sent and did. World.mu guards all that changes.
type record struct {
	op, client, user int
	path, body       string
	order            string // its ordering key, as the replicas see it
	clientKey        string // its Idempotency-Key; empty: none
	poison           bool
	size             int

	sentAt   time.Duration
	whole    bool          // the client has sent all of it
	left     bool          // and does not wait for the answer
	answered time.Duration // 0: not
	status   int
	id       string

	seq       uint64 // as sent to replicas
	idem      string
	stored    bool // the journal has said that it is on disk
	uncertain bool // the journal could not say whether it is on disk
	dropped   bool // by an operator
	forced    bool
	at        []side
}

// side is one write at one replica.
type side struct {
	sends, arrived int
	missing        bool          // it was answered 404
	success        time.Duration // the first answer to say that it has it, and that somebody waited for; 0: none
	applied, stale bool
}

// newRecord is a write of a client's step.
func (w *world) newRecord(client, op int, s *step) *record {
	rec := &record{
		op: op, client: client, user: s.user, poison: s.poison, size: s.size,
		path: "/w/" + strconv.Itoa(s.user) + "?user=u" + strconv.Itoa(s.user) + "&op=" + strconv.Itoa(op),
		body: "user=u" + strconv.Itoa(s.user) + "&pad=" + strings.Repeat("x", s.size),
		at:   make([]side, w.p.backends),
	}
	if w.p.orderBy != "all" {
		rec.order = strconv.Itoa(s.user)
	}
	if s.key {
		rec.clientKey = `"op` + strconv.Itoa(op) + `"`
	}
	return rec
}

// compare checks that what has arrived is what was sent.
func (rec *record) compare(w *world, replica int, req *http.Request, body []byte) {
	key := req.Header.Get("Idempotency-Key")
	w.mu.Lock()
	idem, seq := rec.idem, rec.seq
	w.mu.Unlock()
	switch {
	case req.Method != "POST" || req.RequestURI != rec.path || string(body) != rec.body:
		w.h.wrong("replica %d got %s %s with %d bytes for op %d", replica, req.Method, req.RequestURI, len(body), rec.op)
	case req.Header.Get("X-User") != "u"+strconv.Itoa(rec.user) || req.Host != "sim.test":
		w.h.wrong("replica %d got other fields for op %d: %v", replica, rec.op, req.Header)
	case key == "" || key != idem || rec.clientKey != "" && key != rec.clientKey:
		w.h.wrong("replica %d got op %d with Idempotency-Key %q, not %q", replica, rec.op, key, idem)
	case req.Header.Get("Tutti-Sequence") != strconv.FormatUint(seq, 10):
		w.h.wrong("replica %d got op %d with sequence %q, not %d", replica, rec.op, req.Header.Get("Tutti-Sequence"), seq)
	}
}

// sends notes that a client begins to send these.
func (w *world) sends(kind stepKind, recs ...*record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, rec := range recs {
		rec.sentAt = w.h.now()
		w.writes[rec.op] = rec
		w.h.note("client %d sends op %d (%v, key %s, %d bytes)", rec.client, rec.op, kind, rec.order, len(rec.body))
	}
}

// isWhole notes that what is sent next is all of them.
func (w *world) isWhole(recs ...*record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, rec := range recs {
		rec.whole = true
	}
}

// brokeOff notes that the client does not wait for the answers.
func (w *world) brokeOff(recs ...*record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, rec := range recs {
		rec.left = true
		w.h.note("client %d leaves op %d", rec.client, rec.op)
	}
}

// unanswered notes that there is no answer to what was sent at at, for err; nil: the connection was
// to be closed.
func (w *world) unanswered(at time.Duration, err error, recs ...*record) {
	w.brokeOff(recs...)
	if err != nil && !w.disturbed(at) {
		w.h.wrong("a client is not answered: %v", err)
	}
}

// asks notes that a client sends a read.
func (w *world) asks(op, user int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads[op] = &question{user: user, sentAt: w.h.now()}
	w.h.note("read %d of u%d is sent", op, user)
}
