package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program we started, with its children.
type process struct {
	name string
	cmd  *exec.Cmd
	log  bytes.Buffer // its output, shown when it fails
	done chan struct{}
}

// start runs a program that serves on addr and returns when it accepts connections there.
func start(ctx context.Context, name, addr string, env []string, argv ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = childAttr()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is told by its output
		close(p.done)
	}()
	if err := p.ready(ctx, addr); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *process) ready(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %s", p.name, bytes.TrimSpace(p.log.Bytes()))
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w", p.name, addr, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop asks p to end and insists after three seconds.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
		return
	case <-time.After(3 * time.Second):
	}
	for _, pid := range p.pids() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-p.done
}

// pids are p and its children, their children included.
func (p *process) pids() []int {
	parents := map[int]int{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(d))
		if s, err := readStat(pid); err == nil {
			parents[pid] = s.parent
		}
	}
	root := p.cmd.Process.Pid
	pids := []int{root}
	for pid := range parents {
		for up, ok := parents[pid]; ok && up > 1; up, ok = parents[up] {
			if up == root {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = time.Second / 100

// stat is what /proc/<pid>/stat says.
type stat struct {
	parent int
	cpu    time.Duration // user and system, all threads
}

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(b))
}

// parseStat reads the fields behind the program's name, which may hold blanks and parentheses
// (proc_pid_stat(5): 4 is the parent, 14 and 15 the user and system time in ticks).
func parseStat(s string) (stat, error) {
	_, rest, ok := cutLast(s, ") ")
	f := strings.Fields(rest)
	if !ok || len(f) < 13 {
		return stat{}, fmt.Errorf("cannot parse the state of a process: %.40q", s)
	}
	parent, err1 := strconv.Atoi(f[1])
	user, err2 := strconv.ParseInt(f[11], 10, 64)
	system, err3 := strconv.ParseInt(f[12], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return stat{}, fmt.Errorf("cannot parse the state of a process: %.40q", s)
	}

	return stat{parent: parent, cpu: time.Duration(user+system) * tick}, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// usage is what a program and its children have used and hold.
type usage struct {
	cpu  time.Duration
	rss  int64 // bytes
	peak int64 // bytes: the most it ever was
}

func (p *process) usage() (usage, error) {
	var u usage
	for _, pid := range p.pids() {
		cpu, err := cpuClock(pid)
		if err != nil {
			return u, fmt.Errorf("cannot measure %s: %w", p.name, err)
		}
		u.cpu += cpu
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return u, fmt.Errorf("cannot measure %s: %w", p.name, err)
		}
		rss, peak, err := parseMemory(string(status))
		if err != nil {
			return u, fmt.Errorf("cannot measure %s: %w", p.name, err)
		}
		u.rss += rss
		u.peak += peak
	}
	return u, nil
}

// parseMemory reads VmRSS and VmHWM of /proc/<pid>/status, which are in kilobytes of 1,024 bytes.
func parseMemory(status string) (rss, peak int64, err error) {
	found := 0
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		to := map[string]*int64{"VmRSS": &rss, "VmHWM": &peak}[name]
		if to == nil {
			continue
		}
		if _, err := fmt.Sscanf(value, "%d kB", to); err != nil {
			return 0, 0, fmt.Errorf("cannot parse %q: %w", line, err)
		}
		*to *= 1024
		found++
	}
	if found != 2 {
		return 0, 0, errors.New("cannot find a process's memory in its status")
	}
	return rss, peak, nil
}

// freeAddr is an address nothing listens on now.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("cannot find a free port: %w", err)
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
