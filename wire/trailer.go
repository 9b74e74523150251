package wire

// trailerName returns the name of a trailer line that ends in LF; ok is false when the line
// is not "name: value" CRLF, as strictly as in a head.
func trailerName(line []byte) (name []byte, ok bool) {
	i := 0
	for i < len(line) && isToken[line[i]] {
		i++
	}
	if i == 0 || i >= len(line) || line[i] != ':' {
		return nil, false
	}
	end := lineEnd(line, i)
	return line[:i], end == len(line)-2 && line[end] == '\r'
}

// announceable tells whether a Trailer field can go on: every name in it is one, of a field
// that may come as a trailer. The others are never passed on, and some servers refuse a
// message for announcing them, after its body was sent to others.
func announceable(list []byte) bool {
	for len(list) > 0 {
		var name []byte
		name, list = element(list)
		if len(name) == 0 || forbiddenTrailer(name) {
			return false
		}
		for _, c := range name {
			if !isToken[c] {
				return false
			}
		}
	}
	return true
}

// forbiddenTrailer tells whether a field must not come after the body: what frames, routes,
// authenticates, changes how the message is handled, or is ours (RFC 9110 §6.5.1). A trailer
// merged into the head by whoever reads it would take effect there.
func forbiddenTrailer(name []byte) bool {
	if kindOf(name) != Other {
		return true
	}
	var buf [32]byte
	if len(name) > len(buf) {
		return false
	}
	for i, c := range name {
		buf[i] = loose[c]
	}
	switch string(buf[:len(name)]) {
	case "authorization", "www-authenticate", "authentication-info", "cookie", "set-cookie", "origin",
		"cache-control", "pragma", "max-forwards", "range", "if-match", "if-none-match",
		"if-modified-since", "if-unmodified-since", "if-range",
		"age", "expires", "location", "vary", "warning",
		"content-encoding", "content-range", "content-location", "content-disposition",
		"date", "host", "proxy-status", "alt-svc", "strict-transport-security",
		"content-length", "transfer-encoding", "connection", "keep-alive",
		"proxy-connection", "proxy-authenticate", "proxy-authorization", "proxy-authentication-info",
		"idempotency-key", "retry-after", "content-type":
		return true
	}
	return false
}
