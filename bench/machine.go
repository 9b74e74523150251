package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machine is where and when was measured.
type machine struct {
	begun, ended  time.Time
	loads         [2]string // load average, at begin and end
	before, after cpuTime   // of the whole machine
	ours          time.Duration
	memory        string
	cores         int
	model, kernel string
	versions      []string
	commit        string
}

// cpuTime is what a machine's processors have done.
type cpuTime struct {
	busy   time.Duration // for programs and the kernel
	stolen time.Duration // for other machines of the host
}

func beginMachine() (machine, error) {
	m := machine{
		begun: time.Now(), cores: runtime.NumCPU(), model: cpuModel(), kernel: firstLine("/proc/sys/kernel/osrelease"),
		memory: strings.TrimSpace(strings.TrimPrefix(firstLine("/proc/meminfo"), "MemTotal:")),
		versions: []string{
			runtime.Version(), version("nginx", "-v"), version("haproxy", "-v"),
			version(python, "-c", "import sys, aiohttp; print('Python', sys.version.split()[0], 'with aiohttp', aiohttp.__version__)"),
			version("sh", "-c", "wrk -v 2>&1 | head -n 1 | sed 's/ Copyright.*//'"),
		},
	}
	m.loads[0] = loadAverages()
	var err error
	m.before, err = readCPUTime()
	return m, err
}

// end is called when what we started has ended.
func (m *machine) end() error {
	m.ended = time.Now()
	m.loads[1] = loadAverages()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			return fmt.Errorf("cannot read our own CPU time: %w", err)
		}
		m.ours += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	var err error
	m.after, err = readCPUTime()
	return err
}

func readCPUTime() (cpuTime, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return cpuTime{}, err
	}
	return parseCPUTime(string(text))
}

// parseCPUTime reads the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal.
func parseCPUTime(text string) (cpuTime, error) {
	line, _, _ := strings.Cut(text, "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return cpuTime{}, errors.New("cannot parse the machine's CPU time")
	}
	var v [9]time.Duration
	for i := 1; i < len(v); i++ {
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			return cpuTime{}, fmt.Errorf("cannot parse the machine's CPU time: %w", err)
		}
		v[i] = time.Duration(n) * tick
	}
	return cpuTime{busy: v[1] + v[2] + v[3] + v[6] + v[7], stolen: v[8]}, nil
}

// String is a Markdown list.
func (m machine) String() string {
	var t strings.Builder
	fmt.Fprintf(&t, "- machine: %s, %s, %s of memory, Linux %s\n", m.model, plural(m.cores, "core"), m.memory, m.kernel)
	fmt.Fprintf(&t, "- programs: %s\n", strings.Join(m.versions, "; "))
	fmt.Fprintf(&t, "- commit: %s\n", m.commit)
	const layout = "2006-01-02 15:04"
	if m.ended.IsZero() {
		fmt.Fprintf(&t, "- date: %s UTC; load average %s\n", m.begun.UTC().Format(layout), m.loads[0])
		return t.String()
	}
	whole := m.ended.Sub(m.begun)
	fmt.Fprintf(&t, "- date: %s UTC, for %s\n", m.begun.UTC().Format(layout), whole.Round(time.Second))
	fmt.Fprintf(&t, "- load average (1, 5, 15 minutes): %s at the begin, %s at the end\n", m.loads[0], m.loads[1])
	percent := func(d time.Duration) float64 { return 100 * d.Seconds() / whole.Seconds() / float64(m.cores) }
	fmt.Fprintf(&t, "- of the processors' time %.0f %% went to this measurement, %.0f %% to other programs, %.0f %% to other machines of the host\n",
		percent(m.ours), max(0, percent(m.after.busy-m.before.busy-m.ours)), percent(m.after.stolen-m.before.stolen))
	return t.String()
}

// results do not go into the binary: that an earlier run wrote others does not make its source another.
var results = []string{":(exclude)BENCHMARKS.md", ":(exclude)docs/bench"}

// commit is that of a module's directory, and whether its files are others.
func commit(module string) string {
	git := func(args ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", module}, args...)...).Output()
		return string(bytes.TrimSpace(out)), err
	}
	c, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "unknown"
	}
	if changed, err := git(append([]string{"status", "--porcelain", "--", "."}, results...)...); err != nil || changed != "" {
		c += "-dirty, with changes that are in no commit"
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
	one, _, _ := strings.Cut(firstLine("/proc/loadavg"), " ")
	return one
}

// loadAverages are the machine's over the last one, five and fifteen minutes.
func loadAverages() string {
	f := strings.Fields(firstLine("/proc/loadavg"))
	return strings.Join(f[:min(3, len(f))], " ")
}
