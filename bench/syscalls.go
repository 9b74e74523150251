package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// calls counts system calls by name.
type calls map[string]int64

// countSyscalls prints how many of which each proxy makes for a request. strace makes everything
// slower, so that other calls come together than without it: read the numbers to a tenth.
func (b *bed) countSyscalls() error {
	fmt.Print("# System calls per request\n\n", b.machine())
	for _, w := range []work{reads, writes} {
		if b.o.only != "" && b.o.only != w.name {
			continue
		}
		proxies, err := b.startProxies(w)
		if err != nil {
			return err
		}
		fmt.Printf("\n## %s\n\n| | all | of which |\n|---|---|---|\n", w.name)
		for _, p := range proxies {
			c, n, err := b.trace(p, w)
			if err != nil {
				return fmt.Errorf("%s: %w", p.label, err)
			}
			fmt.Printf("| %s | %s\n", p.label, c.perRequest(n))
		}
		for _, p := range proxies {
			p.stop()
		}
	}
	return nil
}

// trace counts p's calls while wrk asks it for w.
func (b *bed) trace(p *server, w work) (calls, int64, error) {
	if _, err := wrk(b.ctx, b.dir, p.addr, w, b.o.connections, time.Second); err != nil { // connections opened
		return nil, 0, err
	}
	argv := []string{"-c", "-f", "-q"}
	for _, pid := range p.pids() {
		argv = append(argv, "-p", strconv.Itoa(pid))
	}
	strace := exec.Command("strace", argv...)
	var out bytes.Buffer
	strace.Stderr = &out
	if err := strace.Start(); err != nil {
		return nil, 0, fmt.Errorf("cannot start strace: %w", err)
	}
	if err := b.traced(p); err != nil {
		_ = strace.Process.Kill()
		_ = strace.Wait()
		return nil, 0, fmt.Errorf("%w: %s", err, out.String())
	}
	l, err := wrk(b.ctx, b.dir, p.addr, w, b.o.connections, b.o.duration)
	_ = strace.Process.Signal(syscall.SIGINT) // it then prints its table
	_ = strace.Wait()                         // and ends by that signal
	if err != nil {
		return nil, 0, err
	}
	c, err := parseStrace(out.String())
	return c, l.requests, err
}

// traced waits until every thread of p has a tracer.
func (b *bed) traced(p *server) error {
	for range 300 {
		free := 0
		for _, pid := range p.pids() {
			tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
			for _, t := range tasks {
				status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, t.Name()))
				if bytes.Contains(status, []byte("TracerPid:\t0\n")) {
					free++
				}
			}
		}
		if free == 0 {
			return nil
		}
		select {
		case <-b.ctx.Done():
			return b.ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("strace did not attach")
}

// parseStrace reads the table of strace -c: % time, seconds, usecs/call, calls, (errors), name.
func parseStrace(text string) (calls, error) {
	c := calls{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 5 || f[len(f)-1] == "total" {
			continue
		}
		if _, err := strconv.ParseFloat(f[0], 64); err != nil {
			continue
		}
		n, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil {
			continue
		}
		c[f[len(f)-1]] += n
	}
	if len(c) == 0 {
		return nil, fmt.Errorf("strace printed no table: %s", text)
	}
	return c, nil
}

func (c calls) perRequest(n int64) string {
	type row struct {
		name string
		n    int64
	}
	var rows []row
	var sum int64
	for name, k := range c {
		rows, sum = append(rows, row{name, k}), sum+k
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name)) })
	var t strings.Builder
	fmt.Fprintf(&t, "%.2f |", float64(sum)/float64(n))
	for _, r := range rows {
		if per := float64(r.n) / float64(n); per >= 0.01 {
			fmt.Fprintf(&t, " %s %.2f", r.name, per)
		}
	}
	return t.String() + " |"
}
