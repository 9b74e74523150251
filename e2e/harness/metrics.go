package harness

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Metrics is one scrape: the value of every series by its name, labels sorted:
// `name{a="1",b="2"}`.
type Metrics map[string]float64

// Metrics scrapes the admin listener.
func (p *Process) Metrics() Metrics {
	p.t.Helper()
	m, err := p.Scrape()
	if err != nil {
		p.t.Fatalf("cannot scrape: %v", err)
	}
	return m
}

// Scrape is Metrics for goroutines that may not fail the test.
func (p *Process) Scrape() (Metrics, error) {
	resp, err := adminClient().Get("http://" + p.Admin + "/metrics")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &StatusError{Status: resp.StatusCode, Body: string(data)}
	}
	return ParseMetrics(string(data))
}

// ParseMetrics reads Prometheus's text form.
func ParseMetrics(text string) (Metrics, error) {
	m := make(Metrics)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		// A label's value may hold spaces: the value follows the last one.
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			return nil, &ParseError{Text: line}
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, &ParseError{Text: line}
		}
		m[sortLabels(line[:at])] = v
	}
	return m, nil
}

func sortLabels(series string) string {
	name, rest, ok := strings.Cut(series, "{")
	if !ok {
		return series
	}
	labels := strings.Split(strings.TrimSuffix(rest, "}"), `",`)
	for i, l := range labels {
		labels[i] = strings.TrimSuffix(strings.TrimSpace(l), `"`) + `"`
	}
	slices.Sort(labels)
	return name + "{" + strings.Join(labels, ",") + "}"
}

// Value is the value of a series and whether it is there. labels are pairs of name and value.
func (m Metrics) Value(name string, labels ...string) (float64, bool) {
	v, ok := m[seriesName(name, labels)]
	return v, ok
}

func seriesName(name string, labels []string) string {
	if len(labels) == 0 {
		return name
	}
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+"="+strconv.Quote(labels[i+1]))
	}
	slices.Sort(pairs)
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// Must is Value of a series that has to be there.
func (m Metrics) Must(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	v, ok := m.Value(name, labels...)
	if !ok {
		t.Errorf("/metrics has no %s", seriesName(name, labels))
	}
	return v
}

// Sum adds up all series of that name whose labels include the given pairs.
func (m Metrics) Sum(name string, labels ...string) float64 {
	sum := 0.0
	for series, v := range m {
		base, rest, _ := strings.Cut(series, "{")
		if base != name {
			continue
		}
		all := true
		for i := 0; i+1 < len(labels); i += 2 {
			all = all && strings.Contains(rest, labels[i]+"="+strconv.Quote(labels[i+1]))
		}
		if all {
			sum += v
		}
	}
	return sum
}

// ParseError is a line of /metrics that cannot be read.
type ParseError struct{ Text string }

func (e *ParseError) Error() string { return "cannot read the line " + strconv.Quote(e.Text) }
