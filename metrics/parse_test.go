package metrics

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// scraped is one parsed scrape.
type scraped struct {
	families map[string]*family
	samples  map[string]float64 // by name{labels as written}
}

type family struct {
	kind    string
	samples []sample
}

type sample struct {
	name   string
	labels []string // name, value, name, value …
	value  float64
}

func (s sample) label(name string) string {
	for i := 0; i < len(s.labels); i += 2 {
		if s.labels[i] == name {
			return s.labels[i+1]
		}
	}
	return ""
}

var (
	nameRE  = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	labelRE = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(, ?|$)`)
	kinds   = []string{"counter", "gauge", "histogram", "summary"}
)

// parse reads Prometheus' text format, version 0.0.4, more strictly than Prometheus does:
// every family has HELP, then TYPE, once, then all its samples and no others' before the next;
// no series twice; histograms whole and monotone.
func parse(t *testing.T, text string) scraped {
	t.Helper()
	s, err := parseText(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parseText(text string) (scraped, error) {
	s := scraped{families: map[string]*family{}, samples: map[string]float64{}}
	if !strings.HasSuffix(text, "\n") {
		return s, fmt.Errorf("the last line does not end: %q", text[max(0, len(text)-40):])
	}
	var name string // of the family whose lines are read
	var helped bool
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		var err error
		switch {
		case strings.HasPrefix(line, "# HELP "):
			name, _, _ = strings.Cut(line[len("# HELP "):], " ")
			if s.families[name] != nil || !nameRE.MatchString(name) {
				err = fmt.Errorf("bad or second HELP")
			}
			helped = true
		case strings.HasPrefix(line, "# TYPE "):
			of, kind, _ := strings.Cut(line[len("# TYPE "):], " ")
			if !helped || of != name || !slices.Contains(kinds, kind) {
				err = fmt.Errorf("TYPE without its HELP, or of no type")
			}
			s.families[name] = &family{kind: kind}
			helped = false
		default:
			err = s.sample(name, line)
		}
		if err != nil {
			return s, fmt.Errorf("%w: %q", err, line)
		}
	}
	return s, s.check()
}

func (s scraped) sample(name, line string) error {
	f := s.families[name]
	if f == nil {
		return fmt.Errorf("a sample without a TYPE")
	}
	at := strings.LastIndexByte(line, ' ')
	if at < 0 {
		return fmt.Errorf("no value")
	}
	value, err := strconv.ParseFloat(line[at+1:], 64)
	if err != nil {
		return err
	}
	series := line[:at]
	one := sample{value: value}
	var rest string
	one.name, rest, _ = strings.Cut(series, "{")
	if rest != "" {
		rest = strings.TrimSuffix(rest, "}")
		for rest != "" {
			m := labelRE.FindStringSubmatch(rest)
			if m == nil {
				return fmt.Errorf("bad labels at %q", rest)
			}
			one.labels = append(one.labels, m[1], m[2])
			rest = rest[len(m[0]):]
		}
	}
	if suffix := strings.TrimPrefix(one.name, name); suffix == one.name ||
		!slices.Contains(suffixes(f.kind), suffix) {
		return fmt.Errorf("a sample of another family than %s", name)
	}
	if _, twice := s.samples[series]; twice {
		return fmt.Errorf("the series is there twice")
	}
	s.samples[series] = value
	f.samples = append(f.samples, one)
	return nil
}

func suffixes(kind string) []string {
	switch kind {
	case "histogram":
		return []string{"_bucket", "_sum", "_count"}
	case "summary":
		return []string{"", "_sum", "_count"}
	}
	return []string{""}
}

// check looks at the values of each family.
func (s scraped) check() error {
	for name, f := range s.families {
		if len(f.samples) == 0 {
			return fmt.Errorf("%s has no sample", name)
		}
		for _, one := range f.samples {
			if math.IsNaN(one.value) || math.IsInf(one.value, 0) || (f.kind == "counter" && one.value < 0) {
				return fmt.Errorf("%s%q is %v", one.name, one.labels, one.value)
			}
		}
		// The runtime's own histograms have neither a sum nor a count.
		if f.kind == "histogram" && !strings.HasPrefix(name, "go_") {
			if err := f.checkHistogram(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkHistogram wants, for each of its series in turn: buckets by rising le with counts that
// never fall, +Inf last, then sum, then a count equal to +Inf's.
func (f *family) checkHistogram(name string) error {
	last, bound := 0.0, math.Inf(-1)
	for i, one := range f.samples {
		switch one.name {
		case name + "_bucket":
			le, err := strconv.ParseFloat(one.label("le"), 64)
			if err != nil || le <= bound || one.value < last {
				return fmt.Errorf("%s: bucket %d (le=%q) is out of order", name, i, one.label("le"))
			}
			bound, last = le, one.value
		case name + "_sum":
			if !math.IsInf(bound, 1) {
				return fmt.Errorf("%s: no +Inf bucket", name)
			}
		case name + "_count":
			if one.value != last || f.samples[i-1].name != name+"_sum" {
				return fmt.Errorf("%s: count %v, but +Inf has %v", name, one.value, last)
			}
			last, bound = 0, math.Inf(-1)
		}
	}
	if !math.IsInf(bound, -1) {
		return fmt.Errorf("%s ends without a count", name)
	}
	return nil
}

func TestTheParserRefusesWhatIsWrong(t *testing.T) {
	f := func(text string) {
		t.Helper()
		if _, err := parseText(text); err == nil {
			t.Errorf("accepted:\n%s", text)
		}
	}
	head := "# HELP a\n# TYPE a counter\n"
	f("a 1\n")                                  // no TYPE
	f(head)                                     // no sample
	f(head + "a 1")                             // unfinished
	f(head + "a 1\na 2\n")                      // twice
	f(head + "a{b=\"c\"} 1\na{b=\"c\"} 2\n")    // twice, with labels
	f(head + "a -1\n")                          // a counter below zero
	f(head + "a x\n")                           // no number
	f(head + "b 1\n")                           // another family
	f(head + "a{b=c} 1\n")                      // no quotes
	f(head + "a{b=\"\\x\"} 1\n")                // bad escape
	f(head + "a 1\n# HELP a\n# TYPE a gauge\n") // family twice
	h := "# HELP h\n# TYPE h histogram\n"
	f(h + "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n") // falls
	f(h + "h_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n")                          // no +Inf
	f(h + "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n")                       // disagrees
	f(h + "h_bucket{le=\"+Inf\"} 1\n")                                           // no count
	if _, err := parseText(head + "a{b=\"c\\\"\\\\\", d=\"[::1]:80\"} 1e3\n"); err != nil {
		t.Error(err)
	}
}
