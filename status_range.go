package main

import (
	"errors"
	"strconv"
	"strings"
)

const (
	wantStatus = "want final status codes and ranges from 200 to 599, such as 201,204 or 200-299"
	wantReject = "want unanimous, none, or status codes and ranges from 200 to 599, such as 400-499"
)

// statusRange reads "201" or "200-299".
func statusRange(item string) (least, most int, ok bool) {
	from, to, isRange := strings.Cut(item, "-")
	if !isRange {
		to = from
	}
	least, ok = statusCode(from)
	if !ok {
		return 0, 0, false
	}
	most, ok = statusCode(to)
	return least, most, ok && least <= most
}

func statusCode(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err == nil && len(s) == 3 && n >= 200 && n <= 599
}

func parseStatusRange(item string) (string, error) {
	if _, _, ok := statusRange(item); !ok {
		return "", errors.New(wantStatus)
	}
	return item, nil
}

func parseRejectStatus(item string) (string, error) {
	if item == "none" || item == "unanimous" {
		return item, nil
	}
	if _, _, ok := statusRange(item); !ok {
		return "", errors.New(wantReject)
	}
	return item, nil
}

// overlap tells whether two valid ranges share a code.
func overlap(a, b string) bool {
	leastA, mostA, _ := statusRange(a)
	leastB, mostB, _ := statusRange(b)
	return leastA <= mostB && leastB <= mostA
}
