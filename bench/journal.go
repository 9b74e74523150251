package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// durable is Tutti's writes in memory and in a journal, with so many connections.
type durable struct {
	connections        int
	memory, journal    []sample        // by round
	appends, fdatasync []time.Duration // by round: the journal's mean, and the disk's median
}

// journal compares the two in the same rounds, since a shared disk is not the same for long.
func (b *bed) journal() error {
	var all []*durable
	for _, n := range []int{b.o.connections, 4 * b.o.connections} {
		d := &durable{connections: n}
		if err := b.durable(d); err != nil {
			return fmt.Errorf("%d connections: %w", n, err)
		}
		all = append(all, d)
	}
	text := b.reportJournal(all)
	fmt.Print(text)
	if b.o.out == "" {
		return nil
	}
	if err := os.WriteFile(b.o.out, []byte(text), 0o644); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

func (b *bed) durable(d *durable) error {
	dir, err := os.MkdirTemp(b.dir, "journal-")
	if err != nil {
		return fmt.Errorf("cannot make a directory: %w", err)
	}
	memory, err := b.startTuttiWith("memory")
	if err != nil {
		return err
	}
	defer memory.stop()
	journal, err := b.startTuttiWith("journal", "--journal="+filepath.Join(dir, "j"))
	if err != nil {
		return err
	}
	defer journal.stop()
	for _, s := range []*server{memory, journal} {
		if err := b.check(s, writes); err != nil {
			return err
		}
		if _, err := wrk(b.ctx, b.dir, s.addr, writes, d.connections, time.Second); err != nil {
			return err
		}
	}
	for round := range b.o.rounds {
		if err := b.durableRound(d, round, memory, journal, dir); err != nil {
			return err
		}
	}
	return nil
}

func (b *bed) durableRound(d *durable, round int, memory, journal *server, dir string) error {
	m, err := b.measureWith(memory, writes, d.connections, false)
	if err != nil {
		return err
	}
	before, err := b.appends(journal)
	if err != nil {
		return err
	}
	j, err := b.measureWith(journal, writes, d.connections, false)
	if err != nil {
		return err
	}
	after, err := b.appends(journal)
	if err != nil {
		return err
	}
	synced, err := medianSync(dir)
	if err != nil {
		return err
	}
	if m.errors+j.errors > 0 || after.count == before.count {
		return fmt.Errorf("%d requests failed, %.0f writes were journaled", m.errors+j.errors, after.count-before.count)
	}
	d.memory, d.journal = append(d.memory, m), append(d.journal, j)
	d.appends = append(d.appends, time.Duration(float64(time.Second)*(after.seconds-before.seconds)/(after.count-before.count)))
	d.fdatasync = append(d.fdatasync, synced)
	fmt.Fprintf(os.Stderr, "%d connections, round %d/%d  memory %7.0f/s %6.1f µs CPU  journal %7.0f/s %6.1f µs CPU\n",
		d.connections, round+1, b.o.rounds, m.requestsPerSec, micros(m.cpuPerRequest), j.requestsPerSec, micros(j.cpuPerRequest))
	return nil
}

// appended is what Tutti says of its journal's appends so far.
type appended struct{ seconds, count float64 }

func (b *bed) appends(s *server) (a appended, err error) {
	text, err := b.get("http://" + s.admin + "/metrics")
	if err != nil {
		return a, err
	}
	for line := range strings.Lines(text) {
		for name, to := range map[string]*float64{"sum": &a.seconds, "count": &a.count} {
			if rest, ok := strings.CutPrefix(line, "tutti_journal_append_duration_seconds_"+name+" "); ok {
				if _, err := fmt.Sscan(rest, to); err != nil {
					return a, fmt.Errorf("cannot parse %q: %w", line, err)
				}
			}
		}
	}
	return a, nil
}

// medianSync is how long it takes the disk that dir is on to take half a kilobyte.
func medianSync(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, fmt.Errorf("cannot make a file: %w", err)
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	var took []time.Duration
	for begun := time.Now(); time.Since(begun) < time.Second; {
		from := time.Now()
		if _, err := f.Write(make([]byte, 512)); err != nil {
			return 0, fmt.Errorf("cannot write: %w", err)
		}
		if err := syncData(f); err != nil {
			return 0, fmt.Errorf("cannot sync: %w", err)
		}
		took = append(took, time.Since(from))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

func (b *bed) reportJournal(all []*durable) string {
	var t strings.Builder
	fmt.Fprintf(&t, "# Writes in a journal beside writes in memory\n\n%s", b.machine())
	fmt.Fprintf(&t, "- %d rounds of %s, %d nginx backends, %d worker(s); medians over the rounds, (least–most)\n\n",
		b.o.rounds, b.o.duration, b.o.backends, b.o.workers)
	t.WriteString("| connections | memory, writes/s | journal, writes/s | journal to memory | CPU µs per write, memory | journal | p50 in memory | with a journal | an append takes | one fdatasync of 512 bytes |\n")
	t.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	millis := func(v []time.Duration) []float64 {
		var ms []float64
		for _, d := range v {
			ms = append(ms, d.Seconds()*1e3)
		}
		return ms
	}
	for _, d := range all {
		var memory, journal, ratio, cpuMemory, cpuJournal []float64
		var p50 [2][]time.Duration
		for r := range d.memory {
			memory, journal = append(memory, d.memory[r].requestsPerSec), append(journal, d.journal[r].requestsPerSec)
			ratio = append(ratio, 100*journal[r]/memory[r])
			cpuMemory = append(cpuMemory, micros(d.memory[r].cpuPerRequest))
			cpuJournal = append(cpuJournal, micros(d.journal[r].cpuPerRequest))
			p50[0], p50[1] = append(p50[0], d.memory[r].p50), append(p50[1], d.journal[r].p50)
		}
		fmt.Fprintf(&t, "| %d | %s | %s | **%s** | %s | %s | %s | %s | %s | %s |\n", d.connections, span("%.0f", memory), span("%.0f", journal),
			span("%.0f %%", ratio), span("%.0f", cpuMemory), span("%.0f", cpuJournal), span("%.2f ms", millis(p50[0])), span("%.2f ms", millis(p50[1])),
			span("%.2f ms", millis(d.appends)), span("%.2f ms", millis(d.fdatasync)))
	}
	return t.String()
}
