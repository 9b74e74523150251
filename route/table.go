// Package route decides by method and path whether a request is balanced or fanned out.
package route

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Kind is where a request goes.
type Kind uint8

// The kinds.
const (
	None    Kind = iota // nothing matched and the method is not safe: 404
	Balance             // to one backend
	Fanout              // to every backend
)

// Table holds the patterns of --balance and --fanout. It does not change after Parse and
// is safe for concurrent use.
type Table struct {
	exact    map[string][]rule
	prefixes []prefix // longest path first
}

// rule is one pattern of a path. The one with a method stands before the one without.
type rule struct {
	method string // empty: any
	kind   Kind
}

type prefix struct {
	path  string // ends in "/"
	rules []rule
}

// Parse reads patterns of the form "[METHOD ]PATH". A path ending in "/" matches everything
// under it, another one itself alone. The same pattern twice is an error.
func Parse(balance, fanout []string) (*Table, error) {
	t := &Table{exact: map[string][]rule{}}
	under := map[string][]rule{}
	for _, list := range []struct {
		patterns []string
		kind     Kind
	}{{balance, Balance}, {fanout, Fanout}} {
		for _, p := range list.patterns {
			method, path, err := split(p)
			if err != nil {
				return nil, err
			}
			into := t.exact
			if strings.HasSuffix(path, "/") {
				into = under
			}
			if into[path], err = add(into[path], rule{method, list.kind}); err != nil {
				return nil, fmt.Errorf("pattern %q %w", p, err)
			}
		}
	}
	for path, rules := range under {
		t.prefixes = append(t.prefixes, prefix{path, rules})
	}
	slices.SortFunc(t.prefixes, func(a, b prefix) int { return len(b.path) - len(a.path) })
	return t, nil
}

func add(rules []rule, r rule) ([]rule, error) {
	for _, have := range rules {
		if have.method == r.method {
			if have.kind == r.kind {
				return nil, fmt.Errorf("is given twice")
			}
			return nil, fmt.Errorf("is given for both --balance and --fanout")
		}
	}
	if r.method == "" {
		return append(rules, r), nil
	}
	return append([]rule{r}, rules...), nil
}

// split takes a pattern apart and refuses what could never match.
func split(pattern string) (method, path string, err error) {
	path = pattern
	if m, p, ok := strings.Cut(pattern, " "); ok {
		method, path = m, strings.TrimLeft(p, " ")
		if method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return "", "", fmt.Errorf("pattern %q: the method must be in capitals, as in \"POST /path\"", pattern)
		}
		if method == "CONNECT" || method == "TRACE" {
			return "", "", fmt.Errorf("pattern %q: %s is never forwarded", pattern, method)
		}
	}
	if !strings.HasPrefix(path, "/") {
		return "", "", fmt.Errorf("pattern %q: the path must start with \"/\"", pattern)
	}
	for i := range len(path) {
		if c := path[i]; c <= ' ' || c == 0x7f || c == '?' || c == '#' || c == '*' {
			return "", "", fmt.Errorf("pattern %q: a path has no spaces, wildcards, query or fragment", pattern)
		}
	}
	if clean := string(Normalize(nil, []byte(path))); clean != path {
		return "", "", fmt.Errorf("pattern %q can never match: paths are compared decoded and resolved, write %q", pattern, clean)
	}
	return method, path, nil
}

// Lookup returns where a request goes: target is its path and query in origin form. scratch
// is used when the path needs normalising and is returned, possibly grown, with its old length.
func (t *Table) Lookup(method, target, scratch []byte) (Kind, []byte) {
	path := target
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		path = path[:i]
	}
	if !isNormal(path) {
		n := len(scratch)
		scratch = Normalize(scratch, path)
		path, scratch = scratch[n:], scratch[:n]
	}
	if kind, ok := match(t.exact[string(path)], method); ok {
		return kind, scratch
	}
	for i := range t.prefixes {
		p := &t.prefixes[i]
		if len(path) >= len(p.path) && string(path[:len(p.path)]) == p.path {
			if kind, ok := match(p.rules, method); ok {
				return kind, scratch
			}
		}
	}
	if IsSafe(method) {
		return Balance, scratch
	}
	return None, scratch
}

// match applies a path's rules: the rule that names the method first, then the one for any,
// on which safe methods are balanced since they write nothing.
func match(rules []rule, method []byte) (Kind, bool) {
	for i := range rules {
		r := &rules[i]
		if r.method == "" {
			if r.kind == Fanout && IsSafe(method) {
				return Balance, true
			}
			return r.kind, true
		}
		if r.method == string(method) {
			return r.kind, true
		}
	}
	return None, false
}

// IsSafe tells whether the method is GET, HEAD or OPTIONS (RFC 9110 §9.2.1; TRACE is never forwarded).
func IsSafe(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS":
		return true
	}
	return false
}
