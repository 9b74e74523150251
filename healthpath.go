package main

import (
	"errors"
	"strings"
)

// maxHealthPath is the longest --health-path, in bytes: a request line that every server takes.
const maxHealthPath = 2048

// healthPathValue reads a path with or without a query, as it stands in a request line; empty: none.
func healthPathValue(to *string) *value[string] {
	const wanted = "want a path such as /healthz or /status?deep=1, percent-encoded, or nothing"
	unfit := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }
	parse := func(s string) (string, error) {
		if s != "" && (s[0] != '/' || len(s) > maxHealthPath || strings.IndexFunc(s, unfit) >= 0) {
			return "", errors.New(wanted)
		}
		return s, nil
	}
	return &value[string]{to, parse, plain, "PATH"}
}

// validateHealth warns of what has no effect.
func (c *Config) validateHealth(f *flags) error {
	if c.HealthPath != "" {
		return nil
	}
	for _, name := range []string{"health-interval", "health-timeout", "health-rise", "health-fall"} {
		if flag := f.set.Lookup(name); flag.Value.String() != flag.DefValue {
			c.Warnings = append(c.Warnings, f.label(name)+" has no effect without --health-path")
		}
	}
	return nil
}
