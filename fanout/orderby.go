package fanout

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"

	"tutti/route"
	"tutti/wire"
)

// OrderBy says where a write's ordering key is. The zero value: writes have none.
type OrderBy struct {
	from keySource
	name string // header: in lower case
}

type keySource uint8

const (
	keyNone keySource = iota
	keyAll
	keyPath
	keyHeader
	keyQuery
	keyForm
	keyCookie
)

var errOrderBy = errors.New("want all, path, header:NAME, query:NAME, form:NAME or cookie:NAME")

// ParseOrderBy reads --order-by: "all", "path", "header:NAME", "query:NAME", "form:NAME" or
// "cookie:NAME". Empty is the zero value.
func ParseOrderBy(s string) (OrderBy, error) {
	switch s {
	case "":
		return OrderBy{}, nil
	case "all":
		return OrderBy{from: keyAll}, nil
	case "path":
		return OrderBy{from: keyPath}, nil
	}
	from, name, _ := strings.Cut(s, ":")
	if name == "" || len(name) > 256 {
		return OrderBy{}, errOrderBy
	}
	switch from {
	case "header":
		if !isToken(name) {
			return OrderBy{}, errOrderBy
		}
		return OrderBy{keyHeader, strings.ToLower(name)}, nil
	case "query":
		return OrderBy{keyQuery, name}, nil
	case "form":
		return OrderBy{keyForm, name}, nil
	case "cookie":
		if !isToken(name) {
			return OrderBy{}, errOrderBy
		}
		return OrderBy{keyCookie, name}, nil
	}
	return OrderBy{}, errOrderBy
}

// Given tells whether there is an order.
func (o OrderBy) Given() bool { return o.from != keyNone }

// isToken tells whether s is a token (RFC 9110 §5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// find returns a request's key as it came. encoded: percent-encoding and "+" are to be decoded.
// Of several the first counts.
func (o OrderBy) find(r *wire.Request, body []byte) (key []byte, encoded, ok bool) {
	switch o.from {
	case keyAll:
		return nil, false, true
	case keyHeader:
		if o.name == "host" {
			return r.Host, false, true
		}
		key, ok = r.Lookup(o.name)
		return key, false, ok
	case keyQuery:
		if i := bytes.IndexByte(r.Path, '?'); i >= 0 {
			key, ok = parameter(r.Path[i+1:], o.name)
		}
		return key, true, ok
	case keyForm:
		if isForm(r) {
			key, ok = parameter(body, o.name)
		}
		return key, true, ok
	case keyCookie:
		key, ok = cookie(r, o.name)
		return key, false, ok
	case keyPath, keyNone:
	}
	return nil, false, false
}

// isForm tells whether the body may be read as application/x-www-form-urlencoded. Without a
// Content-Type it may (RFC 9110 §8.3).
func isForm(r *wire.Request) bool {
	if coding, ok := r.Lookup("content-encoding"); ok && !wire.EqualFold(coding, "identity") {
		return false
	}
	media, ok := r.Lookup("content-type")
	if !ok {
		return true
	}
	if i := bytes.IndexByte(media, ';'); i >= 0 {
		media = media[:i]
	}
	return wire.EqualFold(bytes.TrimRight(media, " \t"), "application/x-www-form-urlencoded")
}

// parameter returns the value of the first name in a=b&c=d, still encoded.
func parameter(list []byte, name string) (value []byte, ok bool) {
	for len(list) > 0 {
		pair, rest := list, []byte(nil)
		if i := bytes.IndexByte(list, '&'); i >= 0 {
			pair, rest = list[:i], list[i+1:]
		}
		list = rest
		k := pair
		value = nil
		if i := bytes.IndexByte(pair, '='); i >= 0 {
			k, value = pair[:i], pair[i+1:]
		}
		if decodesTo(k, name) {
			return value, true
		}
	}
	return nil, false
}

// cookie returns the value of the first cookie with this name, over all Cookie lines
// (RFC 6265 §4.2.1), without the quotes it may be in.
func cookie(r *wire.Request, name string) (value []byte, ok bool) {
	for i := range r.Fields {
		f := &r.Fields[i]
		if !wire.EqualFold(r.Head[f.Line:f.NameEnd], "cookie") {
			continue
		}
		for list := r.Head[f.Value:f.ValueEnd]; len(list) > 0; {
			pair := list
			if i := bytes.IndexByte(list, ';'); i >= 0 {
				pair, list = list[:i], list[i+1:]
			} else {
				list = nil
			}
			k, v, found := bytes.Cut(bytes.Trim(pair, " \t"), []byte{'='})
			if !found || string(k) != name {
				continue
			}
			if n := len(v); n >= 2 && v[0] == '"' && v[n-1] == '"' {
				v = v[1 : n-1]
			}
			return v, true
		}
	}
	return nil, false
}

// decoded returns the byte that b begins with, decoded as in a form, and how many it was.
// A "%" that is not followed by two hex digits is itself.
func decoded(b []byte) (c byte, n int) {
	switch {
	case b[0] == '+':
		return ' ', 1
	case b[0] == '%' && len(b) > 2 && unhex(b[1]) >= 0 && unhex(b[2]) >= 0:
		return byte(unhex(b[1])<<4 | unhex(b[2])), 3
	}
	return b[0], 1
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

func decodesTo(b []byte, want string) bool {
	i := 0
	for len(b) > 0 {
		c, n := decoded(b)
		if i >= len(want) || want[i] != c {
			return false
		}
		i++
		b = b[n:]
	}
	return i == len(want)
}

// takeKey finds w's ordering key, once. The body must be whole.
func (f *Fanout) takeKey(r *wire.Request, w *write, body []byte) {
	o := f.o.OrderBy
	if o.from == keyPath {
		path := r.Path
		if i := bytes.IndexByte(path, '?'); i >= 0 {
			path = path[:i]
		}
		b := f.buffers.get(len(path))
		b.b = route.Normalize(b.b, path)
		w.setOrder(b.b)
		f.buffers.put(b)
		return
	}
	key, encoded, ok := o.find(r, body)
	switch {
	case !ok:
	case encoded && bytes.ContainsAny(key, "%+"):
		b := f.buffers.get(len(key))
		for len(key) > 0 {
			c, n := decoded(key)
			b.b = append(b.b, c)
			key = key[n:]
		}
		w.setOrder(b.b)
		f.buffers.put(b)
	default:
		w.setOrder(key)
	}
}

// setOrder gives w its ordering key.
func (w *write) setOrder(key []byte) {
	sum := sha256.Sum256(key)
	w.order, w.keyed = orderKey(sum[:len(orderKey{})]), true
}
