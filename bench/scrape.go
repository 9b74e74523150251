package main

import (
	"fmt"
	"strconv"
	"strings"
)

// scrape reads these samples, labels included, from Tutti's /metrics.
func (b *bed) scrape(s *server, names ...string) ([]float64, error) {
	text, err := b.get("http://" + s.admin + "/metrics")
	if err != nil {
		return nil, err
	}
	return parseMetrics(text, names)
}

func parseMetrics(text string, names []string) ([]float64, error) {
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			found[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	values := make([]float64, len(names))
	for i, name := range names {
		v, err := strconv.ParseFloat(found[name], 64)
		if err != nil {
			return nil, fmt.Errorf("cannot read the metric %s: %w", name, err)
		}
		values[i] = v
	}
	return values, nil
}
