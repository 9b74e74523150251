package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// client asks the backends and the admin listener.
var client = &http.Client{
	Timeout:   10 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true},
}

// bed is what is tested: the demo backends, each a process of its own, and Tutti in front.
type bed struct {
	o       options
	dir     string
	command string   // Tutti's, for the report
	names   []string // of the backends
	addrs   []string // theirs
	demos   []*process
	listen  string
	admin   string
	tutti   *process
	code    int
	stopped bool
}

func startBed(ctx context.Context, o options) (*bed, error) {
	b := &bed{o: o}
	if err := b.start(ctx); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func (b *bed) start(ctx context.Context) error {
	var err error
	if b.dir, err = os.MkdirTemp("", "tutti-loadtest-"); err != nil {
		return fmt.Errorf("cannot make a directory: %w", err)
	}
	binary := b.o.tutti
	if binary == "" {
		binary = filepath.Join(b.dir, "tutti")
		if out, err := exec.CommandContext(ctx, "go", "build", "-C", "..", "-o", binary, ".").CombinedOutput(); err != nil {
			return fmt.Errorf("cannot build Tutti: %w\n%s", err, out)
		}
	}
	free, err := freeAddrs(b.o.backends + 2)
	if err != nil {
		return err
	}
	b.addrs, b.listen, b.admin = free[:b.o.backends], free[b.o.backends], free[b.o.backends+1]
	for i, addr := range b.addrs {
		b.names = append(b.names, "server"+strconv.Itoa(i+1))
		p, err := launch(ctx, "http://"+addr+"/", nil, binary, "--listen=", "--admin-listen=", "--demo-backends=1",
			"--demo-listen="+addr, "--demo-flaky="+b.flaky(i), "--demo-fail-rate="+fmt.Sprint(b.o.failRate), "--order-by=form:username")
		if err != nil {
			return err
		}
		b.demos = append(b.demos, p)
	}
	flags := append([]string{
		"--backend=" + strings.Join(b.addrs, ","), "--ack=quorum", "--order-by=form:username",
		"--backend-timeout=1s", "--retry-base=100ms", "--retry-max-backoff=2s", "--idempotency-window=1m",
	}, b.o.extra...)
	b.command = "tutti " + strings.Join(flags, " ")
	b.tutti, err = launch(ctx, "http://"+b.admin+"/-/ready", nil,
		slices.Concat([]string{binary, "--listen=" + b.listen, "--admin-listen=" + b.admin}, flags)...)
	return err
}

// flaky is --demo-flaky of the i-th backend: the last ones are.
func (b *bed) flaky(i int) string {
	if i >= b.o.backends-b.o.flaky {
		return "1"
	}
	return "0"
}

// freezeLater has the last backend hang for a while, from a third of the traffic's time on: its
// process is stopped, its connections stay. What it returns ends that, and waits.
func (b *bed) freezeLater(ctx context.Context, r *recording) (thaw func()) {
	if b.o.freeze == 0 {
		return func() {}
	}
	over, done := make(chan struct{}), make(chan struct{})
	victim := b.demos[len(b.demos)-1].cmd.Process
	go func() {
		defer close(done)
		select {
		case <-time.After(b.o.duration / 3):
		case <-over:
			return
		case <-ctx.Done():
			return
		}
		begun := time.Now()
		if victim.Signal(syscall.SIGSTOP) != nil {
			return
		}
		select {
		case <-time.After(b.o.freeze):
		case <-over:
		case <-ctx.Done():
		}
		_ = victim.Signal(syscall.SIGCONT) // it ends with the bed
		r.froze(begun, time.Now())
	}()
	return func() {
		close(over)
		<-done
	}
}

// settle waits until nothing is owed any more, but not longer than limit.
func (b *bed) settle(limit time.Duration) (took settling) {
	begun := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := b.scrape()
		took.took = time.Since(begun)
		if err == nil && s.pending == 0 {
			took.ok = true
			return took
		}
		if took.took > limit {
			return took
		}
		<-tick.C
	}
}

// settling is how long the last deliveries took after the traffic; not ok: too long.
type settling struct {
	took time.Duration
	ok   bool
}

// state is a demo backend's /state.
type state struct {
	Writes int    `json:"writes"`
	Users  int    `json:"users"`
	Digest string `json:"digest"`
}

func (b *bed) states() ([]state, error) {
	all := make([]state, len(b.addrs))
	for i, addr := range b.addrs {
		body, err := fetch("http://" + addr + "/state")
		if err == nil {
			err = json.Unmarshal([]byte(body), &all[i])
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the state of %s: %w", b.names[i], err)
		}
	}
	return all, nil
}

// fetch is what a URL shows.
func fetch(url string) (string, error) {
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d", url, resp.StatusCode)
	}
	return string(body), err
}

// stopTutti ends it as its operator would and returns its exit code.
func (b *bed) stopTutti() int {
	if !b.stopped {
		b.stopped, b.code = true, b.tutti.stop()
	}
	return b.code
}

// output is the end of Tutti's log.
func (b *bed) output() string { return b.tutti.log.String() }

// stop ends everything.
func (b *bed) stop() {
	if b.tutti != nil {
		b.stopTutti()
	}
	for _, p := range b.demos {
		p.kill()
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // what is left is in the system's temporary directory
	}
}
