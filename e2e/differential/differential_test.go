// Package differential sends hostile requests to Tutti, nginx and HAProxy, each before a backend
// that records bytes, and compares what gets through.
package differential

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// program is what TestMain built.
var program harness.Binary

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tutti-differential-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		program, err = harness.Build("../..", dir, false)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// How long nothing has to move until a proxy is taken to be done: at first, and when what was seen
// is not what should be, on a machine that may just be slow.
const (
	quiet       = 250 * time.Millisecond
	quietSurely = 2 * time.Second
)

func TestTuttiIsNeverLaxerThanItsPeers(t *testing.T) {
	harness.PlainOnly(t)
	wanted(t)
	proxies := []*proxy{startTutti(t), startNginx(t), startHAProxy(t)}
	want := committed(t)
	rows := make([]row, 0, 512)
	for _, r := range requests(t) {
		rows = append(rows, row{request: r, outcomes: make([]outcome, len(proxies)), want: want[cell(r.name)]})
	}
	next := make(chan int)
	var running sync.WaitGroup
	for lane := range lanes {
		running.Go(func() {
			for i := range next {
				rows[i].run(proxies, lane)
			}
		})
	}
	for i := range rows {
		next <- i
	}
	close(next)
	running.Wait()
	for _, r := range rows {
		if err := r.check(); err != nil {
			t.Errorf("%s: %v\nsent %q\nTutti: %v\nforwarded %q\nnginx: %v\nHAProxy: %v", r.request.name, err,
				clip(r.request.bytes, 400), r.outcomes[0], r.outcomes[0].forwarded, r.outcomes[1], r.outcomes[2])
		}
	}
	if want == nil {
		if err := os.WriteFile(tableFile, []byte(table(rows)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(want) != len(rows)+2 {
		t.Errorf("%s is not of these requests: UPDATE_GOLDEN=1 writes it anew", tableFile)
	}
}

// excused are requests that both others refuse, each for a part of it that the other passes on, and
// that Tutti passes on as it is meant to.
var excused = map[string]bool{
	"wire/path-kept": true, // climbs above the root: nginx; bytes over 127: HAProxy
}

// run tries the row's request with all proxies at once; again, slowly, if something is wrong.
func (r *row) run(proxies []*proxy, lane int) {
	for _, q := range []time.Duration{quiet, quietSurely} {
		var trying sync.WaitGroup
		for i, p := range proxies {
			trying.Go(func() { r.outcomes[i] = p.try(lane, r.request.bytes, q) })
		}
		trying.Wait()
		if r.check() == nil {
			return
		}
	}
}

// check tells what is wrong with what Tutti did.
func (r *row) check() error {
	tutti, nginx, haproxy := r.outcomes[0], r.outcomes[1], r.outcomes[2]
	if tutti.passed() > max(nginx.passed(), haproxy.passed()) && !excused[r.request.name] {
		return fmt.Errorf("both others pass less on")
	}
	for _, raw := range tutti.forwarded {
		reading := read(raw)
		switch {
		case reading.cut:
			continue
		case reading.fault != "":
			return fmt.Errorf("what was forwarded is no request: %s", reading.fault)
		}
		if err := reading.agrees(raw); err != nil {
			return fmt.Errorf("what was forwarded %w", err)
		}
	}
	if got := asserted(cell(tutti.String())); r.want != "" && got != r.want {
		return fmt.Errorf("%s says %q, it is %q", tableFile, r.want, got)
	}
	return nil
}
