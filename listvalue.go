package main

import (
	"errors"
	"strings"
)

// listValue is a flag that takes a comma-separated list, may be repeated, and replaces its
// default when it is given. An empty value empties the list. It implements pflag.Value.
type listValue struct {
	to    *[]string
	parse func(item string) (string, error) // nil: as it is; errors say what is wanted
	word  string
	given bool
}

// Set implements pflag.Value.
func (v *listValue) Set(s string) error {
	if !v.given {
		*v.to = nil
		v.given = true
	}
	if strings.TrimSpace(s) == "" {
		return nil
	}
	for item := range strings.SplitSeq(s, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			return errors.New("want items with one comma between them, this has an empty one")
		}
		if v.parse != nil {
			canonical, err := v.parse(item)
			if err != nil {
				return &itemError{item, err}
			}
			item = canonical
		}
		*v.to = append(*v.to, item)
	}
	return nil
}

// String implements pflag.Value: the list as it could be given.
func (v *listValue) String() string { return strings.Join(*v.to, ",") }

// Type implements pflag.Value.
func (v *listValue) Type() string { return v.word }

// itemError is what is wrong with one item of a list.
type itemError struct {
	item string
	err  error // says what is wanted
}

// Error implements error.
func (e *itemError) Error() string { return e.err.Error() }

// Unwrap gives what is wanted.
func (e *itemError) Unwrap() error { return e.err }
