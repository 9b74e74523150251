// Command loadtest drives reads and writes against Tutti in front of flaky demo backends, one of
// which is frozen for a while, shows what happens while it runs, and writes a report: one HTML
// file with charts and a verdict. What counts is that in the end every write is on every backend
// and all of them agree.
//
//	go run . -duration 30s -reads 400 -writes 100
//	go run . -duration 1h -freeze 10m -- --ack=all    # Tutti's own flags after --
//
// It starts and ends its own processes, on 127.0.0.1 alone. It ends with 0 when the verdict is
// good, with 1 when it is not, with 2 for wrong flags.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// errVerdict tells that the test ran, and found something wrong.
var errVerdict = errors.New("the verdict is bad")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		say(stderr, "loadtest: %v", err)
		return 2
	}
	if err := test(ctx, o, &lines{w: stdout}); err != nil {
		say(stderr, "loadtest: %v", err)
		return 1
	}
	return 0
}

// lines lets two write, a line at a time.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// say writes a line to whom it may interest: if nobody listens any more, the test goes on.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }

// test is one load test: traffic until the time is over or ctx ends, then the settling, the
// verdict and the report.
func test(ctx context.Context, o options, out io.Writer) error {
	b, err := startBed(ctx, o)
	if err != nil {
		return err
	}
	defer b.stop()
	say(out, "%s\n%d reads/s and %d writes/s for %v", b.command, o.reads, o.writes, o.duration)

	r := newRecording(b.names)
	stopWatching := watch(b, r, out)
	thaw := b.freezeLater(ctx, r)
	drive(ctx, o, b.listen, r)
	thaw()
	r.driven(time.Now())
	if ctx.Err() != nil {
		say(out, "interrupted: no more traffic")
	}
	settled := b.settle(o.settle)
	stopWatching()
	states, err := b.states()
	if err != nil {
		return err
	}
	last, err := b.scrape()
	if err != nil {
		return err
	}
	v := judge(outcome{
		recording: r, states: states, last: last, settled: settled, waited: o.settle, code: b.stopTutti(), output: b.output(),
	})
	v.print(out)
	if err := writeReport(o, b, r, last, v); err != nil {
		return err
	}
	say(out, "the report is in %s", o.out)
	if !v.Good() {
		return errVerdict
	}
	return nil
}
