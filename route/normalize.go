package route

import "bytes"

// isNormal tells whether Normalize would change nothing.
func isNormal(path []byte) bool {
	if bytes.IndexByte(path, '%') >= 0 {
		return false
	}
	for i := 1; i < len(path); i++ {
		if path[i-1] == '/' && (path[i] == '/' || path[i] == '.') {
			return false
		}
	}
	return true
}

// Normalize appends path with percent-encoding decoded once, empty segments dropped and dot
// segments resolved, so that every spelling of a path takes the same route. A "%" that is not
// followed by two hex digits stays as it is.
func Normalize(dst, path []byte) []byte {
	base := len(dst)
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' && i+2 < len(path) {
			if hi, lo := unhex(path[i+1]), unhex(path[i+2]); hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst[:base+resolve(dst[base:])]
}

// resolve removes empty and dot segments in place and returns the new length.
func resolve(p []byte) int {
	if len(p) == 0 || p[0] != '/' {
		return len(p)
	}
	w := 1 // p[:w] is done and ends in "/"
	for r := 1; r <= len(p); {
		end := bytes.IndexByte(p[r:], '/')
		last := end < 0
		if last {
			end = len(p)
		} else {
			end += r
		}
		switch seg := p[r:end]; {
		case len(seg) == 0, string(seg) == ".":
		case string(seg) == "..":
			if w > 1 {
				w = bytes.LastIndexByte(p[:w-1], '/') + 1
			}
		default:
			w += copy(p[w:], seg)
			if last {
				return w
			}
			p[w] = '/'
			w++
		}
		r = end + 1
	}
	return w
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
