package main

import (
	"fmt"
	"strings"
)

// report is Markdown that also reads well on a terminal.
func (f *findings) report(o options) string {
	var t strings.Builder
	fmt.Fprintf(&t, "# Tutti beside its peers\n\n")
	fmt.Fprintf(&t, "Written by `%s` on one machine, in one run:\n\n%s", o.command, f.machine)
	fmt.Fprintf(&t, "- %s of %s, each peer once in each; %s, each one nginx worker\n", plural(o.rounds, "round"), o.duration, plural(o.backends, "backend"))
	for _, err := range f.wrong {
		fmt.Fprintf(&t, "- **not right in this run**: %s\n", err)
	}
	t.WriteString(how)
	f.reportRatios(&t)
	for _, b := range f.bars() {
		fmt.Fprintf(&t, "\n## %s\n\n", b.title)
		chartLink(&t, b.file, b.title+", "+b.unit)
		for _, s := range f.series {
			if s.name == b.file {
				s.report(&t)
			}
		}
	}
	f.reportJournal(&t)
	f.reportWatched(&t)
	f.reportSyscalls(&t)
	if len(f.curves) > 0 {
		t.WriteString("\n## What grows with what\n\nCPU time and the most memory the process ever held, beside the work; the median of the rounds, (least–most).\n")
		for _, c := range f.curves {
			c.report(&t)
		}
	}
	return t.String()
}

const how = `
CPU time is user and system time of all of a proxy's processes, divided by the requests that were answered: request rates follow a virtual machine's neighbours, CPU time per request hardly does. A ratio is
Tutti's figure to a peer's *in the same round*; told are the rounds' median and, in parentheses, the least and the
greatest. Each peer keeps its connections to both sides open, logs nothing and adds no fields to what it forwards;
Tutti has all its timeouts, header rules and metrics. The load is wrk's, on the same machine: it asks again as soon as
it is answered, so percentiles are those of a saturated proxy.
`

// chartLink shows a chart. What is only printed has none, but the line does no harm there.
func chartLink(t *strings.Builder, file, title string) {
	fmt.Fprintf(t, "![%s](%s/%s.svg)\n", title, chartDir, file)
}

// reportRatios is what matters most: Tutti's figures to its peers'.
func (f *findings) reportRatios(t *strings.Builder) {
	if len(f.series) == 0 {
		return
	}
	t.WriteString("\n## Tutti's figures to its peers', in the same rounds\n\n")
	t.WriteString("| work | workers | connections | peer | CPU per request | requests/s | p50 | p99 |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range f.series {
		for i, p := range s.proxies[1:] {
			fmt.Fprintf(t, "| %s | %d | %d | %s | **%s** | %s | %s | %s |\n", lower(s.title), s.workers, s.connections, p.label,
				span(s.ratios(i+1, cpu)), span(s.ratios(i+1, rate)), span(s.ratios(i+1, p50)), span(s.ratios(i+1, p99)))
		}
	}
}

func (s *series) report(t *strings.Builder) {
	fmt.Fprintf(t, "\n### %s: `%s %s`, %s\n\n", s.title, s.method, s.path, s.setting)
	throughput := ""
	if s.takes > 0 {
		throughput = " MiB per CPU second |"
	}
	t.WriteString("| | CPU µs per request | requests/s | p50 ms | p99 ms | backends reached | errors | memory MiB |" + throughput + "\n")
	t.WriteString("|---|---|---|---|---|---|---|---|" + strings.Repeat("---|", strings.Count(throughput, "|")) + "\n")
	for i, p := range s.proxies {
		fmt.Fprintf(t, "| %s | %s | %s | %s | %s | %.2f | %d | %.0f |", p.label,
			span(s.column(i, cpu)), span(s.column(i, rate)), span(s.column(i, p50)), span(s.column(i, p99)),
			median(s.column(i, func(m sample) float64 { return m.reached })), failed(s.samples[i]),
			median(s.column(i, func(m sample) float64 { return mebibytes(m.rss) })))
		if throughput != "" {
			fmt.Fprintf(t, " %s |", span(s.column(i, func(m sample) float64 { return mebibytes(int64(s.takes)) / m.cpuPerRequest.Seconds() })))
		}
		t.WriteString("\n")
	}
	s.reportRounds(t)
}

// lower is a title within a line.
func lower(title string) string { return strings.ToLower(title[:1]) + title[1:] }

func failed(all []sample) (n int64) {
	for _, m := range all {
		n += m.errors
	}
	return n
}

// reportRounds is what the ratios are made of.
func (s *series) reportRounds(t *strings.Builder) {
	t.WriteString("\n<details><summary>CPU µs per request, round by round (Tutti's to it)</summary>\n\n| |")
	for r := range s.loads {
		fmt.Fprintf(t, " %d |", r+1)
	}
	t.WriteString("\n|---|" + strings.Repeat("---|", len(s.loads)) + "\n")
	for i, p := range s.proxies {
		fmt.Fprintf(t, "| %s |", p.label)
		ratios := s.ratios(i, cpu)
		for r, v := range s.column(i, cpu) {
			fmt.Fprintf(t, " %.1f", v)
			if i > 0 {
				fmt.Fprintf(t, " (%.2f)", ratios[r])
			}
			t.WriteString(" |")
		}
		t.WriteString("\n")
	}
	fmt.Fprintf(t, "\nLoad average before each: %s.\n\n</details>\n", strings.Join(s.loads, ", "))
}

func (f *findings) reportJournal(t *strings.Builder) {
	if len(f.durable) == 0 {
		return
	}
	t.WriteString("\n## Writes in a journal beside writes in memory\n\n")
	t.WriteString("Tutti alone, with and without `--journal`; no answer before the write is on disk.\n\n")
	t.WriteString("| connections | memory, writes/s | journal, writes/s | journal to memory | CPU µs per write, memory | journal | p50 ms, memory | journal | an append takes, ms | one fdatasync of 512 bytes, ms |\n")
	t.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	column := func(all []sample, f func(sample) float64) (v []float64) {
		for _, m := range all {
			v = append(v, f(m))
		}
		return v
	}
	for _, d := range f.durable {
		memory, journal := column(d.memory, rate), column(d.journal, rate)
		var share, appends, syncs []float64
		for r := range memory {
			share = append(share, journal[r]/memory[r])
			appends, syncs = append(appends, millis(d.appends[r])), append(syncs, millis(d.fdatasync[r]))
		}
		fmt.Fprintf(t, "| %d | %s | %s | **%s** | %s | %s | %s | %s | %s | %s |\n", d.connections, span(memory), span(journal), span(share),
			span(column(d.memory, cpu)), span(column(d.journal, cpu)), span(column(d.memory, p50)), span(column(d.journal, p50)),
			span(appends), span(syncs))
	}
}

func (f *findings) reportWatched(t *strings.Builder) {
	if len(f.watched) == 0 {
		return
	}
	t.WriteString("\n## Watched\n\nTutti alone, undisturbed and with the status page opened and /metrics scraped every second. ")
	t.WriteString("The CPU time includes the looks'.\n\n")
	t.WriteString("| | looks | CPU µs per request | requests/s | p50 ms | p99 ms | errors |\n|---|---|---|---|---|---|---|\n")
	for _, s := range f.watched {
		for _, row := range []struct {
			label   string
			looks   int
			samples []sample
		}{{"undisturbed", 0, s.quiet}, {"watched", s.answers, s.seen}} {
			var cpus, rates, p50s, p99s []float64
			for _, m := range row.samples {
				cpus, rates = append(cpus, cpu(m)), append(rates, rate(m))
				p50s, p99s = append(p50s, p50(m)), append(p99s, p99(m))
			}
			fmt.Fprintf(t, "| %s, %s | %d | %s | %s | %s | %s | %d |\n", lower(s.title), row.label, row.looks,
				span(cpus), span(rates), span(p50s), span(p99s), failed(row.samples))
		}
	}
}

func (f *findings) reportSyscalls(t *strings.Builder) {
	if len(f.traced) == 0 {
		return
	}
	t.WriteString("\n## System calls per request\n\nCounted by strace while connections are open, which makes everything slower, so that other calls come together than without it: read them to a tenth.\n\n")
	t.WriteString("| | | all | of which |\n|---|---|---|---|\n")
	for _, k := range f.traced {
		for i, label := range k.labels {
			fmt.Fprintf(t, "| %s, %s | %s | %.2f | %s |\n", lower(k.title), k.setting, label, k.calls[i].sum(k.requests[i]), k.calls[i].perRequest(k.requests[i]))
		}
	}
}
