package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// usageError is a flag or value that can't be accepted: one line that names it and says what
// is accepted. The process exits with 2.
type usageError struct{ line string }

// Error implements error.
func (e *usageError) Error() string { return e.line }

// badValue says that label, a flag or a variable of the environment, was given value, and what
// is wanted instead.
func badValue(label, value, wanted string) *usageError {
	return &usageError{label + "=" + shown(value) + ": " + wanted}
}

func usagef(format string, args ...any) *usageError {
	return &usageError{fmt.Sprintf(format, args...)}
}

// shown returns value as it may stand in a line of text: quoted when it could break the line
// or be misread, cut when it is long.
func shown(value string) string {
	const most = 120
	if len(value) > most {
		value = strings.ToValidUTF8(value[:most], "") + "..."
	}
	for _, r := range value {
		if r == ' ' || r == utf8.RuneError || !strconv.IsPrint(r) {
			return strconv.Quote(value)
		}
	}
	return value
}
