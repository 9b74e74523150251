package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The units of sizes.
const (
	kib int64 = 1 << 10
	mib int64 = 1 << 20
	gib int64 = 1 << 30
)

// sizeUnits are what a size may end in, the largest first.
func sizeUnits() []struct {
	name  string
	bytes int64
} {
	return []struct {
		name  string
		bytes int64
	}{{"GiB", gib}, {"MiB", mib}, {"KiB", kib}, {"", 1}}
}

// parseSize reads a whole number of bytes, KiB, MiB or GiB. ok is false for anything else,
// sizes beyond int64 included.
func parseSize(s string) (bytes int64, ok bool) {
	for _, u := range sizeUnits() {
		digits, found := strings.CutSuffix(s, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || int64(n) > math.MaxInt64/u.bytes {
			return 0, false
		}
		return int64(n) * u.bytes, true
	}
	return 0, false
}

// showSize writes bytes in the largest unit that divides it.
func showSize(bytes int64) string {
	for _, u := range sizeUnits() {
		if bytes != 0 && bytes%u.bytes == 0 {
			return strconv.FormatInt(bytes/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(bytes, 10)
}

// sizeValue reads a size from least to most bytes.
func sizeValue(to *int64, least, most int64) *value[int64] {
	wanted := fmt.Sprintf("want a size from %s to %s, such as 65536, 512KiB, 10MiB or 1GiB",
		showSize(least), showSize(most))
	parse := func(s string) (int64, error) {
		n, ok := parseSize(s)
		if !ok || n < least || n > most {
			return 0, errors.New(wanted)
		}
		return n, nil
	}
	return &value[int64]{to, parse, showSize, "SIZE"}
}
