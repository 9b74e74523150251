package wire

import "bytes"

// element takes the first element off a comma-separated list, without the white space
// around it. Empty elements come out as empty (RFC 9110 §5.6.1.2).
func element(list []byte) (elem, rest []byte) {
	elem, rest, _ = bytes.Cut(list, []byte{','})
	return trim(elem), rest
}

// lists tells whether want, in lower case, is an element of a comma-separated list;
// an element's parameters are not looked at.
func lists(list []byte, want string) bool {
	for len(list) > 0 {
		var elem []byte
		elem, list = element(list)
		elem, _, _ = bytes.Cut(elem, []byte{';'})
		if EqualFold(trim(elem), want) {
			return true
		}
	}
	return false
}
