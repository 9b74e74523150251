package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
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

// traced is how many of which calls each proxy makes for a request.
type traced struct {
	comparison
	labels   []string
	calls    []calls
	requests []int64
}

// countSyscalls counts. strace makes everything slower, so that other calls come together than
// without it: read the numbers to a tenth.
func (b *bed) countSyscalls(c comparison) (*traced, error) {
	proxies, err := b.startPeers(c)
	defer func() {
		for _, p := range proxies {
			p.stop()
		}
	}()
	if err != nil {
		return nil, err
	}
	t := &traced{comparison: c}
	for _, p := range proxies {
		k, n, err := b.trace(p, c.work, c.connections)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.label, err)
		}
		t.labels, t.calls, t.requests = append(t.labels, p.label), append(t.calls, k), append(t.requests, n)
		b.say("system calls of %s  %-12s %.2f", c.name, p.label, k.sum(n))
	}
	return t, nil
}

// trace counts p's calls while wrk asks it for w, from when its connections are open, and the requests by
// what the backends answered in the meantime.
func (b *bed) trace(p *server, w work, connections int) (calls, int64, error) {
	if err := b.check(p, w); err != nil {
		return nil, 0, err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := wrk(b.ctx, b.dir, p.addr, w, connections, b.o.duration+2*time.Second)
		ended <- err
	}()
	c, served, err := b.traceBusy(p)
	if err := errors.Join(err, <-ended); err != nil {
		return nil, 0, err
	}
	if w.fanout {
		served /= int64(len(b.backends))
	}
	return c, served, nil
}

// traceBusy counts the calls of p, which is about to be busy, and what the backends answer.
func (b *bed) traceBusy(p *server) (calls, int64, error) {
	if err := b.pause(time.Second); err != nil {
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
	served, err := b.servedWhileTraced(p)
	_ = strace.Process.Signal(syscall.SIGINT) // it then prints its table
	_ = strace.Wait()                         // and ends by that signal
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %s", err, out.String())
	}
	c, err := parseStrace(out.String())
	return c, served, err
}

func (b *bed) servedWhileTraced(p *server) (int64, error) {
	if err := b.traced(p); err != nil {
		return 0, err
	}
	before, err := b.served(b.backends)
	if err != nil {
		return 0, err
	}
	if err := b.pause(b.o.duration); err != nil {
		return 0, err
	}
	after, err := b.served(b.backends)
	if err == nil && after-before < int64(len(b.backends)) {
		err = errors.New("nothing was answered")
	}
	return after - before, err
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

// sum is how many calls there were for each of n requests.
func (c calls) sum(n int64) float64 {
	var sum int64
	for _, k := range c {
		sum += k
	}
	return float64(sum) / float64(n)
}

// perRequest lists the calls made for each of n requests, the most frequent first.
func (c calls) perRequest(n int64) string {
	names := slices.SortedFunc(maps.Keys(c), func(a, b string) int { return cmp.Or(cmp.Compare(c[b], c[a]), cmp.Compare(a, b)) })
	var all []string
	for _, name := range names {
		if per := float64(c[name]) / float64(n); per >= 0.01 {
			all = append(all, fmt.Sprintf("%s %.2f", name, per))
		}
	}
	return strings.Join(all, ", ")
}
