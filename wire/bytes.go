package wire

import "math"

// Tables over all bytes, written once here.
var (
	isToken  = classOf("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	isID     = classOf("._-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	isTarget = targetClass()
	lower    = lowerTable()
	loose    = looseTable()
)

func classOf(members string) (class [256]bool) {
	for i := range len(members) {
		class[members[i]] = true
	}
	return class
}

// targetClass is what a request target may hold: no control byte, no space, no fragment.
func targetClass() (class [256]bool) {
	for c := range class {
		class[c] = c > ' ' && c != 0x7f && c != '#'
	}
	return class
}

func lowerTable() (table [256]byte) {
	for c := range table {
		table[c] = byte(c)
		if 'A' <= c && c <= 'Z' {
			table[c] = byte(c) + 'a' - 'A'
		}
	}
	return table
}

// looseTable folds case and reads "_" as "-", as CGI and WSGI servers do.
func looseTable() [256]byte {
	table := lowerTable()
	table['_'] = '-'
	return table
}

// EqualFold tells whether b is want, which is in lower case, in any mixture of ASCII cases.
func EqualFold(b []byte, want string) bool {
	if len(b) != len(want) {
		return false
	}
	for i, c := range b {
		if lower[c] != want[i] {
			return false
		}
	}
	return true
}

func sameFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if lower[c] != lower[b[i]] {
			return false
		}
	}
	return true
}

// equalLoose is EqualFold with "_" read as "-".
func equalLoose(b []byte, want string) bool {
	if len(b) != len(want) {
		return false
	}
	for i, c := range b {
		if loose[c] != want[i] {
			return false
		}
	}
	return true
}

// ParseUint reads decimal digits, nothing else: no sign, no white space, at least one
// digit, at most 2^63-1.
func ParseUint(b []byte) (n int64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		d := int64(c) - '0'
		if d < 0 || d > 9 || n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
