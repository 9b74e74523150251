package fanout

import (
	"bytes"
	"strconv"
	"time"

	"tutti/front"
	"tutti/wire"
)

// maxWait is what a client may say to wait for, in seconds, without an overflow; --ack-timeout is less.
const maxWait = 1 << 31

// preference is how a client wants to wait for its answer (RFC 7240).
type preference struct {
	limit time.Duration
	asked bool // by Prefer: wait, which is at least heeded to the limit
	async bool // Prefer: respond-async
}

// preference reads x's Prefer fields (RFC 7240). What is malformed or unknown is ignored; of several
// of the same name the first counts.
func (f *Fanout) preference(x *front.Exchange) preference {
	p := preference{limit: f.o.AckTimeout}
	if !x.Req.Has(wire.Prefer) {
		return p
	}
	wait, async := readPrefer(&x.Req)
	p.async = async
	switch {
	case wait >= 0:
		p.asked = true
		p.limit = min(p.limit, time.Duration(wait)*time.Second)
	case async:
		p.limit = 0
	}
	return p
}

// appendApplied appends the value of Preference-Applied: what of the client's preferences decided
// over this answer. accepted: it is a 202.
func (p *preference) appendApplied(dst []byte, accepted bool) []byte {
	async := p.async && accepted
	if async {
		dst = append(dst, "respond-async"...)
	}
	if p.asked && (p.limit == 0 || p.limit >= time.Second) {
		if async {
			dst = append(dst, ", "...)
		}
		dst = append(dst, "wait="...)
		dst = strconv.AppendInt(dst, int64(p.limit/time.Second), 10)
	}
	return dst
}

// readPrefer returns the seconds of "wait", -1 when it is not there, and whether "respond-async" is.
func readPrefer(r *wire.Request) (wait int64, async bool) {
	wait = -1
	waits := false
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.Kind != wire.Prefer {
			continue
		}
		for list := r.Head[f.Value:f.ValueEnd]; len(list) > 0; {
			var one []byte
			one, list = cutOutsideQuotes(list, ',')
			one, _ = cutOutsideQuotes(one, ';') // parameters: neither has any
			name, value, valued := bytes.Cut(one, []byte{'='})
			name, value = bytes.Trim(name, " \t"), unquote(bytes.Trim(value, " \t"))
			switch {
			case wire.EqualFold(name, "respond-async"):
				async = async || len(value) == 0 // RFC 7240 §2: an empty value is none
			case wire.EqualFold(name, "wait") && !waits && valued:
				waits = true
				wait = seconds(value)
			}
		}
	}
	return wait, async
}

// seconds reads delta-seconds (RFC 9111 §1.2.2), -1 when it is none.
func seconds(value []byte) int64 {
	if len(value) == 0 || !isDigits(value) {
		return -1
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return maxWait
	}
	return min(n, maxWait)
}

// cutOutsideQuotes cuts a list at the first sep that is in no quoted string.
func cutOutsideQuotes(list []byte, sep byte) (before, after []byte) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			return list[:i], list[i+1:]
		}
	}
	return list, nil
}

// unquote takes the quotes off a quoted string; what is in it stays as it is.
func unquote(word []byte) []byte {
	if n := len(word); n >= 2 && word[0] == '"' && word[n-1] == '"' {
		return word[1 : n-1]
	}
	return word
}
