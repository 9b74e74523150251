package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

//go:embed report.html
var reportText string

// page is what the report shows.
type page struct {
	Title, When, Command, Machine, Load string
	Verdict                             verdict
	Good                                bool
	Rows                                []row
	Charts                              []drawing
	Backends                            []backendRow
}

// row sums a kind of requests up.
type row struct {
	Name                      string
	Requests                  int
	Rate, Good                string
	P50, P90, P99, P999, Most string
}

// drawing is a chart in the page.
type drawing struct {
	Title, Note string
	SVG         template.HTML
	Legend      []legend
	Frozen      bool
}

type legend struct {
	Name   string
	Colour int
}

// backendRow is what a backend holds in the end.
type backendRow struct {
	Name, Address, Kind          string
	Writes, Users                int
	Digest                       string
	Taken, Failed, Retries, Owed string
}

// writeReport writes the page, whole or not at all.
func writeReport(o options, b *bed, r *recording, last sample, v verdict) error {
	t, err := template.New("report").Parse(reportText)
	if err != nil {
		return fmt.Errorf("cannot read the report's template: %w", err)
	}
	var text strings.Builder
	if err := t.Execute(&text, newPage(o, b, r, last, v)); err != nil {
		return fmt.Errorf("cannot make the report: %w", err)
	}
	if err := os.WriteFile(o.out, []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

func newPage(o options, b *bed, r *recording, last sample, v verdict) page {
	r.mu.Lock()
	defer r.mu.Unlock()
	driven := min(o.duration, r.ended.Sub(r.begun)) // without the wait for the last answers
	p := page{
		Title: o.title, When: r.begun.Format("2 January 2006, 15:04:05 MST"), Command: b.command,
		Machine: fmt.Sprintf("%s/%s, %d CPUs, shared by clients, Tutti and backends", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		Load:    o.describe(), Verdict: v, Good: v.Good(),
		Rows: []row{sum("reads", &r.reads, driven), sum("writes", &r.writes, driven)},
	}
	for i, s := range v.States {
		kind := "steady"
		if b.flaky(i) == "1" {
			kind = fmt.Sprintf("loses %.0f %% of the attempts", 100*o.failRate)
		}
		if i == len(v.States)-1 && len(r.frozen) > 0 {
			kind += ", hung for a while"
		}
		l := last.backends[i]
		p.Backends = append(p.Backends, backendRow{
			Name: b.names[i], Address: b.addrs[i], Kind: kind, Writes: s.Writes, Users: s.Users, Digest: s.Digest,
			Taken: count(l.taken), Failed: count(l.failed), Retries: count(l.retries), Owed: count(l.owed),
		})
	}
	for _, c := range r.charts(driven) {
		d := drawing{Title: c.title, Note: c.note, SVG: template.HTML(c.svg()), Frozen: len(c.shade) > 0}
		for _, l := range c.lines {
			d.Legend = append(d.Legend, legend{l.name, l.colour})
		}
		p.Charts = append(p.Charts, d)
	}
	return p
}

// describe is the work in words.
func (o options) describe() string {
	s := fmt.Sprintf("%d reads and %d writes per second for %v, about %d users", o.reads, o.writes, o.duration, o.users)
	s += fmt.Sprintf("; %d backends", o.backends)
	switch o.flaky {
	case 0:
	case 1:
		s += fmt.Sprintf(", the last of which loses %.0f %% of the attempts at a write", 100*o.failRate)
	default:
		s += fmt.Sprintf(", the last %d of which lose %.0f %% of the attempts at a write", o.flaky, 100*o.failRate)
	}
	if o.freeze > 0 {
		s += fmt.Sprintf("; the last one hangs for %v", o.freeze)
	}
	return s + "."
}

func sum(name string, k *kind, driven time.Duration) row {
	latencies := make([]time.Duration, len(k.all))
	for i, q := range k.all {
		latencies[i] = q.latency
	}
	slices.Sort(latencies)
	r := row{
		Name: name, Requests: k.requests(), Rate: fmt.Sprintf("%.1f", float64(k.requests())/driven.Seconds()),
		P50: short(quantile(latencies, 0.5)), P90: short(quantile(latencies, 0.9)), P99: short(quantile(latencies, 0.99)),
		P999: short(quantile(latencies, 0.999)), Most: short(quantile(latencies, 1)), Good: "none",
	}
	if r.Requests > 0 {
		r.Good = fmt.Sprintf("%.4g %%", 100*float64(k.fine())/float64(r.Requests))
	}
	return r
}

// charts are the report's, over all the time there is.
func (r *recording) charts(driven time.Duration) []*chart {
	total := driven
	if n := len(r.samples); n > 0 {
		total = max(total, r.samples[n-1].at)
	}
	width := max(time.Second, (driven / 200).Truncate(time.Second))
	reads, writes := windows(r.reads.all, driven, width), windows(r.writes.all, driven, width)
	over := func(ws []window, v func(window) float64) []point {
		var ps []point
		for _, w := range ws {
			ps = append(ps, point{w.at, v(w)})
		}
		return ps
	}
	rate := func(w window) float64 { return w.rate }
	bad := func(w window) float64 { return w.bad }
	p50 := func(w window) float64 { return w.p50.Seconds() }
	p90 := func(w window) float64 { return w.p90.Seconds() }
	p99 := func(w window) float64 { return w.p99.Seconds() }
	all := []*chart{
		{
			title: "Requests per second", note: "as sent, whatever the answers took", format: count,
			lines: []line{{"reads", 0, over(reads, rate)}, {"writes", 1, over(writes, rate)}},
		},
		{
			title: "Errors per second", note: "not 200, or not 201 or 202", format: count,
			lines: []line{{"reads", 0, over(reads, bad)}, {"writes", 1, over(writes, bad)}},
		},
		{
			title: "Latency of reads", note: "logarithmic; by the time a request was sent", log: true, format: seconds,
			lines: []line{{"p50", 2, over(reads, p50)}, {"p90", 3, over(reads, p90)}, {"p99", 4, over(reads, p99)}},
		},
		{
			title: "Latency of writes", note: "logarithmic; until --ack is met", log: true, format: seconds,
			lines: []line{{"p50", 2, over(writes, p50)}, {"p90", 3, over(writes, p90)}, {"p99", 4, over(writes, p99)}},
		},
		{
			title: "Failed attempts per second", note: "by backend; each is repeated", format: count,
			lines: r.perBackend(width, true, func(b backendSample) float64 { return b.failed }),
		},
		{
			title: "Retries per second", note: "attempts beyond a delivery's first", format: count,
			lines: r.perBackend(width, true, func(b backendSample) float64 { return b.retries }),
		},
		{
			title: "Owed writes", note: "what each backend has not got yet", format: count,
			lines: r.perBackend(width, false, func(b backendSample) float64 { return b.owed }),
		},
		{
			title: "Age of the oldest owed write", note: "by backend", format: seconds,
			lines: r.perBackend(width, false, func(b backendSample) float64 { return b.oldest }),
		},
	}
	for _, c := range all {
		c.total, c.shade = total, r.frozen
	}
	return all
}

// perBackend are the samples' values, or their growth per second, a line for each backend.
func (r *recording) perBackend(width time.Duration, growth bool, v func(backendSample) float64) []line {
	lines := make([]line, len(r.names))
	for i, name := range r.names {
		lines[i] = line{name: name, colour: i % 8}
		var last sample
		for n, s := range r.samples {
			if n > 0 && s.at-last.at < width-width/10 {
				continue
			}
			value := v(s.backends[i])
			if growth {
				before := 0.0
				if n > 0 {
					before = v(last.backends[i])
				}
				value = (value - before) / (s.at - last.at).Seconds()
			}
			lines[i].points = append(lines[i].points, point{s.at, value})
			last = s
		}
	}
	return lines
}
