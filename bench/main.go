// Command bench measures Tutti beside its peers, on the same work, on this machine:
//
//	go run ./bench                 five interleaved rounds of reads, five of writes
//	go run ./bench -soak 30s       Tutti alone, for errors and growth
//	go run ./bench -strace         system calls per request
//	go run ./bench -journal        writes in a journal beside writes in memory
//	go run ./bench -only reads -profile cpu.pprof
//
// What counts is the CPU time per request of the proxy's own processes, as a ratio to a peer's
// in the same round: request rates follow the neighbours of a virtual machine, CPU time per
// request hardly does.
//
// It listens on 127.0.0.1 alone and ends only the processes it started.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

type options struct {
	rounds      int
	duration    time.Duration
	workers     int
	connections int
	backends    int
	only        string
	out         string
	tutti       string
	profile     string
	strace      bool
	journal     bool
	soak        time.Duration
}

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	// A child's death signal follows the thread that started it, so that thread has to live.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ExitOnError)
	f.IntVar(&o.rounds, "rounds", 5, "`rounds` of each kind of work; every peer runs once in each")
	f.DurationVar(&o.duration, "duration", 5*time.Second, "`time` a peer is measured for in a round")
	f.IntVar(&o.workers, "workers", 1, "worker processes, threads or GOMAXPROCS of each proxy")
	f.IntVar(&o.connections, "connections", 64, "client connections")
	f.IntVar(&o.backends, "backends", 3, "nginx backends behind each proxy")
	f.StringVar(&o.only, "only", "", "`reads` or writes; both when empty")
	f.StringVar(&o.out, "o", "", "also write the report to this `file` (Markdown)")
	f.StringVar(&o.tutti, "tutti", "", "`binary` to measure; built from this module when empty")
	f.StringVar(&o.profile, "profile", "", "write a CPU profile of Tutti's first round to this `file` (needs -only)")
	f.BoolVar(&o.strace, "strace", false, "count system calls per request, for -duration, instead of measuring time")
	f.BoolVar(&o.journal, "journal", false, "measure writes with --journal beside those in memory, with -connections and four times as many")
	f.DurationVar(&o.soak, "soak", 0, "run Tutti alone for this `time` on each route and fail on errors or growth")
	if err := f.Parse(args); err != nil {
		return o, fmt.Errorf("cannot read the flags: %w", err)
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.rounds < 1 || o.workers < 1 || o.connections < 1 || o.backends < 1 || o.backends > 64:
		return o, errors.New("-rounds, -workers, -connections and -backends (at most 64) are at least 1")
	case o.duration < time.Second || o.duration%time.Second != 0 || o.soak%time.Second != 0:
		return o, errors.New("-duration and -soak are whole seconds, as wrk knows no others")
	case o.only != "" && o.only != "reads" && o.only != "writes":
		return o, fmt.Errorf("-only=%q: reads or writes", o.only)
	case o.profile != "" && o.only == "":
		return o, errors.New("-profile needs -only=reads or -only=writes")
	}
	return o, nil
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "tutti-bench-")
	if err != nil {
		return fmt.Errorf("cannot make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	b := &bed{ctx: ctx, dir: dir, o: o}
	defer b.stop()
	if err := b.prepare(); err != nil {
		return err
	}
	switch {
	case o.soak > 0:
		return b.soak()
	case o.strace:
		return b.countSyscalls()
	case o.journal:
		return b.journal()
	default:
		return b.compare()
	}
}
