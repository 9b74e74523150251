package main

import (
	"errors"
	"strings"

	"tutti/fanout"
)

const (
	wantStatus = "want final status codes and ranges from 200 to 599, such as 201,204 or 200-299"
	wantReject = "want unanimous, none, or status codes and ranges from 200 to 599, such as 400-499"
)

func parseStatusRange(item string) (string, error) {
	if _, err := fanout.ParseStatusSet(item); err != nil {
		return "", errors.New(wantStatus)
	}
	return item, nil
}

func parseRejectStatus(item string) (string, error) {
	if item == "none" || item == "unanimous" {
		return item, nil
	}
	if _, err := fanout.ParseStatusSet(item); err != nil {
		return "", errors.New(wantReject)
	}
	return item, nil
}

// statusSet is the set of codes and ranges that were accepted one by one.
func statusSet(items ...string) fanout.StatusSet {
	s, _ := fanout.ParseStatusSet(strings.Join(items, ","))
	return s
}
