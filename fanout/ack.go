package fanout

import (
	"fmt"
	"strconv"
)

// ParseAck reads --ack for n backends: "all", "quorum" (more than half), "one" or a number
// from 1 to n. need is Options.Ack, earliest is Options.AckEarliest.
func ParseAck(s string, n int) (need int, earliest bool, err error) {
	switch s {
	case "all":
		return n, false, nil
	case "quorum":
		return n/2 + 1, false, nil
	case "one":
		return 1, true, nil
	}
	need, err = strconv.Atoi(s)
	if err != nil || need < 1 || need > n {
		return 0, false, fmt.Errorf("cannot read %q as all, quorum, one or a number from 1 to %d", s, n)
	}
	return need, false, nil
}
