// Command bench measures Tutti beside its peers, on the same work, on this machine:
//
//	go run ./bench                  interleaved rounds of reads, and of writes
//	go run ./bench -all             every setting, a journal, system calls, and what grows with what
//	go run ./bench -growth          what grows with what, alone
//	go run ./bench -journal         writes in a journal beside writes in memory, alone
//	go run ./bench -strace          system calls per request, alone
//	go run ./bench -soak 30s        Tutti alone, for errors and growth
//	go run ./bench -only reads -profile cpu.pprof
//
// With -o the report goes to a file, with charts beside it in docs/bench.
//
// What counts is the CPU time per request of the proxy's own processes, as a ratio to a peer's
// in the same round: request rates follow the neighbours of a virtual machine, CPU time per
// request hardly does.
//
// It listens on 127.0.0.1 alone and ends only the processes it started.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

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

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "tutti-bench-")
	if err != nil {
		return fmt.Errorf("cannot make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	b := &bed{ctx: ctx, dir: dir, o: o, begun: time.Now()}
	defer b.stop()
	if err := b.prepare(); err != nil {
		return err
	}
	if o.soak > 0 {
		return b.soak()
	}
	return b.measureAll(o.plan())
}
