package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is Markdown that also reads well on a terminal.
func (b *bed) report(all []*series, looked []*watched) string {
	var t strings.Builder
	fmt.Fprintf(&t, "# Tutti beside its peers\n\n%s", b.machine())
	fmt.Fprintf(&t, "- %d rounds of %s, %d connections, %d nginx backends, %d worker(s) each\n",
		b.o.rounds, b.o.duration, b.o.connections, b.o.backends, b.o.workers)
	for _, s := range all {
		s.report(&t)
	}
	for _, s := range looked {
		s.report(&t)
	}
	return t.String()
}

func (s *series) report(t *strings.Builder) {
	fmt.Fprintf(t, "\n## %s: `%s %s`\n\n", strings.ToUpper(s.work.name[:1])+s.work.name[1:], s.work.method, s.work.path)
	fmt.Fprintf(t, "Load average before each round: %s. Medians over the rounds, (least–most).\n\n", strings.Join(s.loads, ", "))
	t.WriteString("| | CPU µs per request | Tutti's to it | requests/s | p50 | p99 | backends reached | errors | RSS MiB |\n")
	t.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for i, p := range s.proxies {
		col := func(f func(sample) float64) []float64 {
			var v []float64
			for _, m := range s.samples[i] {
				v = append(v, f(m))
			}
			return v
		}
		ratio := "1"
		if i > 0 {
			ratio = "**" + span("%.2f", s.ratios(i)) + "**"
		}
		var failed int64
		for _, m := range s.samples[i] {
			failed += m.errors
		}
		fmt.Fprintf(t, "| %s | %s | %s | %s | %.2f ms | %.2f ms | %.2f | %d | %.0f |\n", p.label,
			span("%.1f", col(func(m sample) float64 { return micros(m.cpuPerRequest) })), ratio,
			span("%.0f", col(func(m sample) float64 { return m.requestsPerSec })),
			median(col(func(m sample) float64 { return m.p50.Seconds() * 1e3 })),
			median(col(func(m sample) float64 { return m.p99.Seconds() * 1e3 })),
			median(col(func(m sample) float64 { return m.reached })), failed,
			median(col(func(m sample) float64 { return float64(m.rss) / (1 << 20) })))
	}
	t.WriteString("\nCPU µs per request, round by round, and Tutti's share of the peer's in the same round:\n\n| |")
	for r := range s.loads {
		fmt.Fprintf(t, " %d |", r+1)
	}
	t.WriteString("\n|---|" + strings.Repeat("---|", len(s.loads)) + "\n")
	for i, p := range s.proxies {
		fmt.Fprintf(t, "| %s |", p.label)
		for r, m := range s.samples[i] {
			fmt.Fprintf(t, " %.1f", micros(m.cpuPerRequest))
			if i > 0 {
				fmt.Fprintf(t, " (%.2f)", s.ratios(i)[r])
			}
			t.WriteString(" |")
		}
		t.WriteString("\n")
	}
}

// ratios are Tutti's CPU time per request to the i-th proxy's, round by round.
func (s *series) ratios(i int) []float64 {
	var v []float64
	for r, m := range s.samples[i] {
		v = append(v, float64(s.samples[0][r].cpuPerRequest)/float64(m.cpuPerRequest))
	}
	return v
}

// span is "median (least–most)".
func span(format string, v []float64) string {
	if len(v) == 1 {
		return fmt.Sprintf(format, v[0])
	}
	return fmt.Sprintf(format+" ("+format+"–"+format+")", median(v), slices.Min(v), slices.Max(v))
}

// machine is where and what was measured, as a Markdown list.
func (b *bed) machine() string {
	var t strings.Builder
	fmt.Fprintf(&t, "- %s, %d cores, Linux %s, %s\n", cpuModel(), runtime.NumCPU(), firstLine("/proc/sys/kernel/osrelease"), runtime.Version())
	fmt.Fprintf(&t, "- commit %s, %s\n", b.commit(), time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	fmt.Fprintf(&t, "- %s; %s; %s\n", version("nginx", "-v"), version("haproxy", "-v"),
		version(python, "-c", "import sys, aiohttp; print('Python', sys.version.split()[0], 'aiohttp', aiohttp.__version__)"))
	return t.String()
}

func (b *bed) commit() string {
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", b.module}, args...)...).Output()
		if err != nil {
			return ""
		}
		return string(bytes.TrimSpace(out))
	}
	c := git("rev-parse", "--short=12", "HEAD")
	if c == "" {
		return "unknown"
	}
	if git("status", "--porcelain", "--untracked-files=no") != "" {
		c += " with changes"
	}
	return c
}

// version is the first line a program prints about itself.
func version(argv ...string) string {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return argv[0] + " of unknown version"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

func firstLine(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// loadAverage is the machine's over the last minute.
func loadAverage() string {
	f := strings.Fields(firstLine("/proc/loadavg"))
	if len(f) == 0 {
		return "unknown"
	}
	return f[0]
}
