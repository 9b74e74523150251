package admin

import (
	"net/netip"
	"strings"
)

// splitHost returns a Host field's host, lower case, without brackets, port and the root's dot; ok is false
// if it is no such thing. An IP literal of version 6 must be in brackets (RFC 3986 §3.2.2).
func splitHost(field string) (host string, ip, ok bool) {
	if rest, v6 := strings.CutPrefix(field, "["); v6 {
		host, port, closed := strings.Cut(rest, "]")
		a, err := netip.ParseAddr(host)
		return host, true, closed && err == nil && a.Is6() && isPort(port)
	}
	host, _, _ = strings.Cut(field, ":")
	if host == "" || !isPort(field[len(host):]) {
		return "", false, false
	}
	_, err := netip.ParseAddr(host)
	return strings.ToLower(strings.TrimSuffix(host, ".")), err == nil, true
}

// isPort tells whether s is empty or a colon and a number.
func isPort(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) > len(":65535") {
		return false
	}
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
