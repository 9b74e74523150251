package fanout

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"tutti/journal"
	"tutti/wire"
)

// draft is what the journal keeps of a write that somebody may ask for again: its page, and what
// a repeat under its client's key is told.
type draft struct {
	seq     uint64
	scope   scope
	expires int64 // clock.Now; 0: it is not settled
	settled bool
	view    View // with backends by name
	match   fingerprint
	verdict verdict
	answer  []byte // empty: there is none
}

// draftLocked is the draft of w as it is now.
func (f *Fanout) draftLocked(w *write, now int64) draft {
	d := draft{seq: w.seq, scope: w.scope, view: f.viewLocked(w, true, now), match: w.print, verdict: w.verdict}
	if !w.scoped {
		d.scope = scope{}
	}
	if w.class == classSettled {
		d.settled, d.expires = true, w.expires
	}
	switch {
	case w.kept != nil:
		d.answer = appendAnswer(nil, w.kept)
	case w.good != nil:
		d.verdict, d.answer = undecided, appendAnswer(nil, w.good)
	case w.bad != nil:
		d.verdict, d.answer = undecided, appendAnswer(nil, w.bad)
	}
	return d
}

// record makes of d what the journal keeps.
func (d *draft) record(f *Fanout) journal.Kept {
	page, err := json.Marshal(keptPageOf(&d.view))
	if err != nil {
		page = []byte("{}") // it can't fail
	}
	b := make([]byte, 0, len(page)+len(d.answer)+32)
	b = binary.AppendUvarint(b, uint64(len(page)))
	b = append(b, page...)
	b = append(b, d.match[:]...)
	b = append(b, byte(d.verdict))
	b = append(b, d.answer...)
	k := journal.Kept{Seq: d.seq, Scope: journal.Scope(d.scope), Data: b}
	if d.settled {
		k.Expires = f.wallTime(d.expires).UnixNano()
	}
	return k
}

var errRecord = errors.New("a record of the journal makes no sense")

// readDraft reads what record made. The answer is a part of k's data.
func readDraft(k *journal.Kept) (d draft, err error) {
	n, used := binary.Uvarint(k.Data)
	if used <= 0 || n > uint64(len(k.Data)-used) {
		return d, errRecord
	}
	page, b := k.Data[used:used+int(n)], k.Data[used+int(n):]
	if len(b) < len(d.match)+1 {
		return d, errRecord
	}
	var p keptPage
	if err := json.Unmarshal(page, &p); err != nil {
		return d, fmt.Errorf("%w: %w", errRecord, err)
	}
	d.seq, d.scope, d.settled = k.Seq, scope(k.Scope), k.Expires != 0
	copy(d.match[:], b)
	d.view, d.verdict, d.answer = p.view(), verdict(b[len(d.match)]), b[len(d.match)+1:]
	return d, nil
}

// appendAnswer appends an answer's bytes and what is known of them.
func appendAnswer(b []byte, a *response) []byte {
	var head, body []byte
	if a.buf != nil {
		head, body = a.head(), a.body()
	}
	for _, n := range [...]uint64{uint64(a.index), uint64(a.status), uint64(a.framing)} {
		b = binary.AppendUvarint(b, n)
	}
	for _, part := range [...][]byte{[]byte(a.word), head, body, a.trailers} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// readAnswer makes an answer of what appendAnswer appended; nil when there is none.
func (f *Fanout) readAnswer(b []byte) (*response, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var numbers [3]uint64
	for i := range numbers {
		n, used := binary.Uvarint(b)
		if used <= 0 {
			return nil, errRecord
		}
		numbers[i], b = n, b[used:]
	}
	var parts [4][]byte
	for i := range parts {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return nil, errRecord
		}
		parts[i], b = b[used:used+int(n)], b[used+int(n):]
	}
	a := f.responses.Get().(*response)
	a.index, a.status, a.framing = int(numbers[0]), int(numbers[1]), wire.Framing(numbers[2])
	a.word, a.bodyLen = string(parts[0]), int64(len(parts[2]))
	if len(parts[1]) > 0 {
		a.headLen = len(parts[1])
		a.buf = f.buffers.get(len(parts[1]) + len(parts[2]))
		a.buf.b = append(append(a.buf.b, parts[1]...), parts[2]...)
	}
	if len(parts[3]) > 0 {
		a.trailers = append([]byte(nil), parts[3]...)
	}
	return a, nil
}
