package main

import (
	"slices"
	"testing"
)

func TestWhatHealthFlagsSayWithoutAPathIsWarnedOf(t *testing.T) {
	for _, tc := range []struct {
		args    []string
		environ []string
		want    []string
	}{
		{nil, nil, nil},
		{[]string{"--health-path=/up?x=%20", "--health-interval=1s", "--health-rise=3"}, nil, nil},
		{[]string{"--health-interval=5s", "--health-path="}, nil, nil}, // as --check prints it
		{[]string{"--health-interval=1s"}, []string{"TUTTI_HEALTH_FALL=1"}, []string{
			"--health-interval has no effect without --health-path",
			"TUTTI_HEALTH_FALL has no effect without --health-path",
		}},
	} {
		c := parsed(t, tc.environ, append(tc.args, "--backend=a:1")...)
		if !slices.Equal(c.Warnings, tc.want) {
			t.Errorf("%q: %q", tc.args, c.Warnings)
		}
	}
}
