package fanout

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// StatusSet is a set of final HTTP status codes, 200 to 599. The zero value is empty.
type StatusSet struct{ bits [10]uint64 }

// ParseStatusSet reads codes and ranges: "201", "200-299,304". Blanks around them are allowed;
// an empty list is an empty set.
func ParseStatusSet(list string) (StatusSet, error) {
	var s StatusSet
	if strings.TrimSpace(list) == "" {
		return s, nil
	}
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		low, high, isRange := strings.Cut(item, "-")
		if !isRange {
			high = low
		}
		from, errFrom := parseStatus(low)
		to, errTo := parseStatus(high)
		if errFrom != nil || errTo != nil || from > to {
			return StatusSet{}, fmt.Errorf("cannot read %q as a status from 200 to 599 or a range of them (201, 200-299)", item)
		}
		for code := from; code <= to; code++ {
			s.bits[code>>6] |= 1 << (code & 63)
		}
	}
	return s, nil
}

func parseStatus(s string) (int, error) {
	if len(s) != 3 {
		return 0, strconv.ErrSyntax
	}
	code, err := strconv.ParseUint(s, 10, 16)
	if err != nil || code < 200 || code > 599 {
		return 0, strconv.ErrSyntax
	}
	return int(code), nil
}

// Has tells whether code is in s.
func (s *StatusSet) Has(code int) bool {
	return code >= 0 && code < 640 && s.bits[code>>6]&(1<<(code&63)) != 0
}

// Empty tells whether no status is in s.
func (s *StatusSet) Empty() bool { return s.bits == [10]uint64{} }

// lowest is the lowest status in s, which is not empty.
func (s *StatusSet) lowest() int {
	for i, b := range s.bits {
		if b != 0 {
			return i<<6 + bits.TrailingZeros64(b)
		}
	}
	return 0
}

// Overlaps tells whether a status is in both.
func (s *StatusSet) Overlaps(other *StatusSet) bool {
	for i := range s.bits {
		if s.bits[i]&other.bits[i] != 0 {
			return true
		}
	}
	return false
}
