package wire

import "bytes"

// forwarding is what of a trusted peer's forwarding fields is kept or extended.
type forwarding uint8

const (
	chainFor       forwarding = 1 << iota // X-Forwarded-For: appended to, one field of all
	chainForwarded                        // Forwarded (RFC 7239): likewise
	keptProto                             // X-Forwarded-Proto, X-Forwarded-Host: stay as they are
	keptHost
	keptOther   // X-Real-IP, X-Forwarded-Port ...: likewise
	notToBeKept // with "_" for "-": proxies do not write these, and what reads them can't tell the two apart
)

// forwardingOf says what a field of kind Forwarding is.
func (r *Request) forwardingOf(f *Field) forwarding {
	name := r.Head[f.Line:f.NameEnd]
	switch {
	case bytes.IndexByte(name, '_') >= 0:
		return notToBeKept
	case EqualFold(name, "x-forwarded-for"):
		return chainFor
	case EqualFold(name, "forwarded"):
		return chainForwarded
	case f.Value == f.ValueEnd:
		return notToBeKept // says nothing: ours is set
	case EqualFold(name, "x-forwarded-proto"):
		return keptProto
	case EqualFold(name, "x-forwarded-host"):
		return keptHost
	default:
		return keptOther
	}
}

// appendClient appends the fields that say who the client is, each with the CRLF before it:
// the end of the line before was left to it, and the end of its last line it leaves.
func appendClient(dst []byte, r *Request, o *Outgoing) []byte {
	dst = append(dst, "\r\nX-Forwarded-For: "...)
	if o.Trusted && r.Has(Forwarding) {
		return appendExtended(dst, r, o)
	}
	dst = append(dst, o.ClientIP...)
	dst = append(dst, "\r\nX-Forwarded-Proto: "...)
	dst = append(dst, o.Proto...)
	if len(r.Host) > 0 {
		dst = append(dst, "\r\nX-Forwarded-Host: "...)
		dst = append(dst, r.Host...)
	}
	return dst
}

// appendExtended is appendClient for a peer whose own forwarding fields go on, after the name
// of the first field.
func appendExtended(dst []byte, r *Request, o *Outgoing) []byte {
	dst, seen := appendChain(dst, r)
	dst = append(dst, o.ClientIP...)
	if seen&keptProto == 0 {
		dst = append(dst, "\r\nX-Forwarded-Proto: "...)
		dst = append(dst, o.Proto...)
	}
	if seen&keptHost == 0 && len(r.Host) > 0 {
		dst = append(dst, "\r\nX-Forwarded-Host: "...)
		dst = append(dst, r.Host...)
	}
	if seen&chainForwarded != 0 {
		dst = appendForwarded(dst, r, o)
	}
	return dst
}

// appendChain appends the values of all X-Forwarded-For, each with a comma after it. seen is
// which forwarding fields there are.
func appendChain(dst []byte, r *Request) (_ []byte, seen forwarding) {
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.Kind != Forwarding {
			continue
		}
		kind := r.forwardingOf(f)
		seen |= kind
		if kind == chainFor && f.Value < f.ValueEnd {
			dst = append(dst, r.Head[f.Value:f.ValueEnd]...)
			dst = append(dst, ", "...)
		}
	}
	return dst, seen
}

// appendForwarded appends the values of all Forwarded as one field, and our element. A value
// that does not end its quoted strings would swallow what is appended to it: it is left out,
// and with it what was before it, so that the chain has no gap.
func appendForwarded(dst []byte, r *Request, o *Outgoing) []byte {
	dst = append(dst, "\r\nForwarded: "...)
	start := len(dst)
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.Kind != Forwarding || f.Value == f.ValueEnd || r.forwardingOf(f) != chainForwarded {
			continue
		}
		value := r.Head[f.Value:f.ValueEnd]
		if !ValidForwarded(value) {
			dst = dst[:start]
			continue
		}
		dst = append(dst, value...)
		dst = append(dst, ", "...)
	}
	return appendElement(dst, o.ClientIP, o.Proto, r.Host)
}

// appendElement appends a forwarded-element (RFC 7239 §4): an IPv6 address stands in brackets
// and quotes (§6), a host in quotes, since its port's colon is no token.
func appendElement(dst []byte, ip, proto string, host []byte) []byte {
	dst = append(dst, "for="...)
	if isIPv6(ip) {
		dst = append(dst, `"[`...)
		dst = append(dst, ip...)
		dst = append(dst, `]"`...)
	} else {
		dst = append(dst, ip...)
	}
	if len(host) > 0 {
		dst = append(dst, `;host="`...)
		dst = append(dst, host...) // validAuthority lets no quote and no backslash in
		dst = append(dst, '"')
	}
	dst = append(dst, ";proto="...)
	return append(dst, proto...)
}

func isIPv6(ip string) bool {
	for i := range len(ip) {
		if ip[i] == ':' {
			return true
		}
	}
	return false
}
