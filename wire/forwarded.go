package wire

// ValidForwarded tells whether value is a Forwarded field's (RFC 7239 §4) to which an element
// can be appended.
func ValidForwarded(value []byte) bool {
	ok := true
	for ok && len(value) > 0 {
		_, value, ok = NextForwarded(value)
	}
	return ok
}

// NextForwarded takes the first element off a Forwarded field's value, which is not empty
// (RFC 7239 §4). node is what its "for" says, without quotes; nil when it does not say. ok is
// false when the value can't be read: nothing in it is to be believed then.
//
// Besides the grammar it takes what is often seen: white space around ";" and addresses with
// ":" and brackets outside of quotes. No quoted pairs are undone, since no address needs them.
func NextForwarded(value []byte) (node, rest []byte, ok bool) {
	for {
		value = skipSpace(value)
		if len(value) == 0 {
			return node, nil, true
		}
		switch value[0] {
		case ',':
			return node, value[1:], true
		case ';':
			value = value[1:]
			continue
		}
		var name, v []byte
		if name, v, value, ok = forwardedPair(value); !ok {
			return nil, nil, false
		}
		if EqualFold(name, "for") {
			if node != nil {
				return nil, nil, false // once at most (§4)
			}
			node = v
		}
		if value = skipSpace(value); len(value) > 0 && value[0] != ';' && value[0] != ',' {
			return nil, nil, false
		}
	}
}

// forwardedPair takes "name=value" or `name="value"` off b.
func forwardedPair(b []byte) (name, value, rest []byte, ok bool) {
	i := 0
	for i < len(b) && isToken[b[i]] {
		i++
	}
	if i == 0 || i == len(b) || b[i] != '=' {
		return nil, nil, nil, false
	}
	name, b = b[:i], b[i+1:]
	if len(b) > 0 && b[0] == '"' {
		value, rest, ok = quoted(b)
		return name, value, rest, ok
	}
	i = 0
	for i < len(b) && isNode[b[i]] {
		i++
	}
	return name, b[:i], b[i:], i > 0
}

// isNode is what an unquoted value may hold: a token, or an address that should be quoted.
var isNode = classOf("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:[]")

// quoted takes a quoted string off b, which begins with its quote (RFC 9110 §5.6.4).
func quoted(b []byte) (inside, rest []byte, ok bool) {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[1:i], b[i+1:], true
		}
	}
	return nil, nil, false
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}
