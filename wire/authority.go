package wire

import "bytes"

// isRegName is a registered name's bytes (RFC 3986 §3.2.2) but for "%" and for ",", which
// would make one Host look like two.
var isRegName = classOf("-._~!$&'()*+;=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

// isLiteral is what an IPv6 address is made of. Zones (RFC 6874) mean nothing to another
// host, and addresses of later versions do not exist: neither is let in.
var isLiteral = classOf(":.0123456789abcdefABCDEF")

// validAuthority tells whether b is uri-host [":" port] with a host in it (RFC 9110 §4.2.1,
// §7.2): no user information, no white space, a port of at most 65535 or an empty one.
func validAuthority(b []byte) bool {
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || bytes.Count(b[1:end], []byte{':'}) < 2 {
			return false
		}
		for _, c := range b[1:end] {
			if !isLiteral[c] {
				return false
			}
		}
		return end+1 == len(b) || b[end+1] == ':' && validPort(b[end+2:])
	}
	host, port, _ := bytes.Cut(b, []byte{':'})
	return len(host) > 0 && validName(host) && validPort(port)
}

func validName(name []byte) bool {
	for i, c := range name {
		if isRegName[c] {
			continue
		}
		if c != '%' || i+2 >= len(name) || unhex(name[i+1]) < 0 || unhex(name[i+2]) < 0 {
			return false
		}
	}
	return true
}

func validPort(port []byte) bool {
	if len(port) == 0 {
		return true
	}
	n, ok := ParseUint(port)
	return ok && len(port) <= 5 && n <= 65535
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	default:
		return -1
	}
}
