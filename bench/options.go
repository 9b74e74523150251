package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"
)

// options are the flags.
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
	all         bool
	strace      bool
	journal     bool
	growth      bool
	ends        bool
	owed        int
	soak        time.Duration

	command string // what was asked for, to ask for it again
}

func parse(args []string) (options, error) {
	o := options{command: strings.Join(append([]string{"go run ./bench"}, args...), " ")}
	f := flag.NewFlagSet("bench", flag.ExitOnError)
	f.IntVar(&o.rounds, "rounds", 5, "`rounds` of each kind of work; every peer runs once in each")
	f.DurationVar(&o.duration, "duration", 2*time.Second, "`time` a peer is measured for in a round")
	f.IntVar(&o.workers, "workers", 1, "worker processes, threads or GOMAXPROCS of each proxy; -all measures two as well")
	f.IntVar(&o.connections, "connections", 64, "client connections; -all measures one as well")
	f.IntVar(&o.backends, "backends", 3, "nginx backends behind each proxy")
	f.StringVar(&o.only, "only", "", "`reads`, writes or large (answers of 1 MiB); both former when empty")
	f.StringVar(&o.out, "o", "", "also write the report to this `file` (Markdown), and charts beside it in docs/bench")
	f.StringVar(&o.tutti, "tutti", "", "`binary` to measure; built from this module when empty")
	f.StringVar(&o.profile, "profile", "", "write a CPU profile of Tutti's first round to this `file` (needs -only)")
	f.BoolVar(&o.all, "all", false, "measure everything, in every setting: about eleven minutes")
	f.BoolVar(&o.strace, "strace", false, "count system calls per request, for -duration, instead of measuring time")
	f.BoolVar(&o.journal, "journal", false, "measure writes with --journal beside those in memory, with -connections and four times as many")
	f.BoolVar(&o.growth, "growth", false, "measure time and memory beside backends, connections, body sizes and owed writes")
	f.BoolVar(&o.ends, "ends", false, "of what grows measure the ends alone, and those nearer")
	f.IntVar(&o.owed, "owed", 1_000_000, "how many `writes` are owed in the end, of what grows")
	f.DurationVar(&o.soak, "soak", 0, "run Tutti alone for this `time` on each route and fail on errors or growth")
	if err := f.Parse(args); err != nil {
		return o, fmt.Errorf("cannot read the flags: %w", err)
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, o.validate()
}

func (o options) validate() error {
	kinds := 0
	for _, asked := range []bool{o.all, o.strace, o.journal, o.growth, o.soak > 0} {
		if asked {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return errors.New("only one of -all, -strace, -journal, -growth and -soak")
	case o.rounds < 1 || o.workers < 1 || o.connections < 1 || o.backends < 1 || o.backends > 64 || o.owed < 1:
		return errors.New("-rounds, -workers, -connections, -backends (at most 64) and -owed are at least 1")
	case o.duration < time.Second || o.duration%time.Second != 0 || o.soak%time.Second != 0:
		return errors.New("-duration and -soak are whole seconds, as wrk knows no others")
	case !slices.Contains([]string{"", reads.name, writes.name, large.name}, o.only):
		return fmt.Errorf("-only=%q: reads, writes or large", o.only)
	case o.only != "" && o.all:
		return errors.New("-all is all: not with -only")
	case o.profile != "" && o.only == "":
		return errors.New("-profile needs -only")
	}
	return nil
}
