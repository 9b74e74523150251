package fanout

import (
	"strconv"
	"time"
)

// retryAfter reads a Retry-After field (RFC 9110 §10.2.3): seconds or an HTTP date. What is
// neither, or in the past, is no wait.
func retryAfter(value []byte, now time.Time) time.Duration {
	const longest = 1 << 31 // seconds; more than any cap, and no overflow
	if len(value) == 0 || len(value) > 64 {
		return 0
	}
	if value[0] >= '0' && value[0] <= '9' {
		n, err := strconv.ParseUint(string(value), 10, 64)
		switch {
		case err == nil:
			return time.Duration(min(n, longest)) * time.Second
		case isDigits(value):
			return longest * time.Second
		}
		return 0
	}
	for _, layout := range [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC} {
		if at, err := time.Parse(layout, string(value)); err == nil {
			return max(at.Sub(now), 0)
		}
	}
	return 0
}

func isDigits(p []byte) bool {
	for _, c := range p {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
