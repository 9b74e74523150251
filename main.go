// Command tutti is a reverse proxy that makes N independent HTTP servers behave as one: a
// read goes to one of them, in turn; a write goes to all and is retried until each has it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"tutti/stdlog"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the start failed, or writes were abandoned
	exitUsage  = 2
)

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1)
	signal.Ignore(syscall.SIGPIPE) // whoever read our output may leave without ending us
	os.Exit(run(os.Args[1:], os.Environ(), signals, os.Stdout, os.Stderr))
}

// run is the whole program but for the process around it. It returns the exit code.
func run(args, environ []string, signals <-chan os.Signal, stdout, stderr io.Writer) int {
	c, err := parseFlags(args, environ)
	if err != nil {
		return complain(stderr, err)
	}
	switch c.Action {
	case Help:
		return show(stdout, stderr, helpText())
	case Version:
		return show(stdout, stderr, versionText())
	case Probe:
		return complain(stderr, probe(context.Background(), c.ProbeURL))
	case Check:
		return complain(stderr, c.writeCheck(context.Background(), stdout, net.DefaultResolver))
	case Run:
	}
	log := newLog(c, stderr)
	stdlog.Follow(log)
	for _, w := range c.Warnings {
		log.Warn(w)
	}
	s, err := start(c, log, stderr)
	if err != nil {
		return complain(stderr, err)
	}
	s.manager = managerOf(environ)
	s.tell("READY=1")
	return s.untilStopped(signals)
}

// complain prints an error as one line and returns the exit code for it.
func complain(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "tutti: %v\n", err) // there is nowhere else to say it
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// show prints what was asked for.
func show(stdout, stderr io.Writer, text string) int {
	_, err := io.WriteString(stdout, text)
	return complain(stderr, err)
}

func newLog(c *Config, stderr io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(stderr, o))
	}
	return slog.New(slog.NewTextHandler(stderr, o))
}
