package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is a flag's value of one type. It implements pflag.Value.
type value[T any] struct {
	to    *T
	parse func(string) (T, error) // errors say what is wanted
	show  func(T) string
	word  string // stands for the value in --help
}

// Set implements pflag.Value.
func (v *value[T]) Set(s string) error {
	t, err := v.parse(s)
	if err != nil {
		return err
	}
	*v.to = t
	return nil
}

// String implements pflag.Value: the value as it could be given.
func (v *value[T]) String() string { return v.show(*v.to) }

// Type implements pflag.Value.
func (v *value[T]) Type() string { return v.word }

// longest is the longest time that makes sense anywhere; sums and doublings of it fit.
const longest = 8760 * time.Hour

// timeValue reads a duration from 1 ms to a year.
func timeValue(to *time.Duration) *value[time.Duration] {
	return shortTimeValue(to, longest)
}

// shortTimeValue is a timeValue that may be at most most.
func shortTimeValue(to *time.Duration, most time.Duration) *value[time.Duration] {
	wanted := "want a time from 1ms to " + showDuration(most) + ", such as 500ms, 3s or 2m"
	return &value[time.Duration]{to, func(s string) (time.Duration, error) {
		return parseTime(s, most, wanted)
	}, showDuration, "TIME"}
}

// timeOrZeroValue is a timeValue that may be 0.
func timeOrZeroValue(to *time.Duration) *value[time.Duration] {
	wanted := "want 0 or a time from 1ms to " + showDuration(longest) + ", such as 500ms, 3s or 2m"
	return &value[time.Duration]{to, func(s string) (time.Duration, error) {
		if d, err := time.ParseDuration(s); err == nil && d == 0 {
			return 0, nil
		}
		return parseTime(s, longest, wanted)
	}, showDuration, "TIME"}
}

func parseTime(s string, most time.Duration, wanted string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Millisecond || d > most {
		return 0, errors.New(wanted)
	}
	return d, nil
}

// showDuration writes d in the shortest usual way: "5m", not Go's "5m0s", and "64s", not "1m4s".
func showDuration(d time.Duration) string {
	if d >= time.Second && d < 2*time.Minute && d%time.Second == 0 {
		return strconv.Itoa(int(d/time.Second)) + "s"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// countValue reads a whole number from least to most.
func countValue(to *int, least, most int) *value[int] {
	wanted := fmt.Sprintf("want a whole number from %d to %d", least, most)
	parse := func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, errors.New(wanted)
		}
		return n, nil
	}
	return &value[int]{to, parse, strconv.Itoa, "N"}
}

// shareValue reads a share from 0 to 1.
func shareValue(to *float64) *value[float64] {
	parse := func(s string) (float64, error) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || f < 0 || f > 1 {
			return 0, errors.New("want a share from 0 to 1, such as 0.2")
		}
		return f, nil
	}
	show := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	return &value[float64]{to, parse, show, "SHARE"}
}

// choiceValue reads one of a few words.
func choiceValue(to *string, words ...string) *value[string] {
	last := len(words) - 1
	wanted := "want " + strings.Join(words[:last], ", ") + " or " + words[last]
	parse := func(s string) (string, error) {
		if !slices.Contains(words, s) {
			return "", errors.New(wanted)
		}
		return s, nil
	}
	return &value[string]{to, parse, plain, "WORD"}
}

// textValue takes anything: what it means is checked when all flags are known.
func textValue(to *string, word string) *value[string] {
	parse := func(s string) (string, error) { return s, nil }
	return &value[string]{to, parse, plain, word}
}

// switchValue reads true or false; the flag alone means true.
func switchValue(to *bool) *value[bool] {
	parse := func(s string) (bool, error) {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return false, errors.New("want true or false")
		}
		return b, nil
	}
	return &value[bool]{to, parse, strconv.FormatBool, ""}
}

func plain(s string) string { return s }
