package wire

import "bytes"

// target reads Target into Path and, from the absolute form, Host (RFC 9112 §3.2).
func (r *Request) target() error {
	t := r.Target
	switch {
	case t[0] == '/':
		r.Path = t
		return r.escapes()
	case string(r.Method) == "CONNECT":
		r.Path = t // for whoever answers 405; the method is never forwarded
		return nil
	case len(t) == 1 && t[0] == '*':
		if string(r.Method) != "OPTIONS" {
			return errAsterisk
		}
		r.Path = t
		return nil
	case hasPrefixFold(t, "http://"):
		return r.absoluteForm(t[len("http://"):])
	case hasPrefixFold(t, "https://"):
		return r.absoluteForm(t[len("https://"):])
	default:
		return errTarget
	}
}

// absoluteForm reads what follows the scheme. The authority becomes the Host; it never
// chooses the backend.
func (r *Request) absoluteForm(rest []byte) error {
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	r.Host, r.absolute = rest[:end], true
	if bytes.IndexByte(r.Host, '@') >= 0 {
		return errUserinfo
	}
	if !validAuthority(r.Host) {
		return errTarget
	}
	rest = rest[end:]
	switch {
	case len(rest) > 0 && rest[0] == '/':
		r.Path = rest
	case len(rest) == 0 && string(r.Method) == "OPTIONS": // RFC 9112 §3.2.4
		r.path = append(r.path, '*')
		r.Path = r.path
	default:
		r.path = append(append(r.path, '/'), rest...)
		r.Path = r.path
	}
	return r.escapes()
}

// escapes checks that every "%" of the path has its two hex digits (RFC 3986 §2.1): what else
// stands there ("%u0061", "%2") is a path of its own to some and nothing to others. A query's are
// for its form alone to know.
func (r *Request) escapes() error {
	if bytes.IndexByte(r.Path, '%') < 0 {
		return nil
	}
	path, _, _ := bytes.Cut(r.Path, []byte{'?'})
	for i, c := range path {
		if c == '%' && (i+2 >= len(path) || unhex(path[i+1]) < 0 || unhex(path[i+2]) < 0) {
			return errEscape
		}
	}
	return nil
}
