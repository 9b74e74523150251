package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// load is one run of wrk.
type load struct {
	requests int64
	seconds  float64
	errors   int64 // failed connections, reads and writes, time-outs, and answers that are not 2xx or 3xx
	p50, p99 time.Duration
}

// wrk asks addr for w, as fast as it answers, for d.
func wrk(ctx context.Context, dir, addr string, w work, connections int, d time.Duration) (load, error) {
	script, err := w.script(dir)
	if err != nil {
		return load{}, err
	}
	out, err := exec.CommandContext(ctx, "wrk", "-t1", "-c"+strconv.Itoa(connections),
		fmt.Sprintf("-d%ds", d/time.Second), "--timeout", "10s", "--latency",
		"-s", script, "http://"+addr+w.path).CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("cannot run wrk: %w: %s", err, out)
	}
	return parseLoad(string(out))
}

func parseLoad(out string) (load, error) {
	for line := range strings.Lines(out) {
		rest, ok := strings.CutPrefix(line, "BENCH ")
		if !ok {
			continue
		}
		var micros, p50, p99 int64
		var l load
		if _, err := fmt.Sscan(rest, &l.requests, &micros, &l.errors, &p50, &p99); err != nil {
			return load{}, fmt.Errorf("cannot parse wrk's answer %q: %w", line, err)
		}
		if l.requests == 0 || micros == 0 {
			return load{}, fmt.Errorf("no request was answered: %s", out)
		}
		l.seconds = float64(micros) / 1e6
		l.p50, l.p99 = time.Duration(p50)*time.Microsecond, time.Duration(p99)*time.Microsecond
		return l, nil
	}
	return load{}, errors.New("wrk printed no summary: " + out)
}
