package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// options are the command's flags.
type options struct {
	duration time.Duration
	reads    int
	writes   int
	users    int
	backends int
	flaky    int
	failRate float64
	freeze   time.Duration
	settle   time.Duration
	out      string
	tutti    string
	title    string
	extra    []string // Tutti's
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.DurationVar(&o.duration, "duration", 30*time.Second, "`time` of traffic")
	f.IntVar(&o.reads, "reads", 400, "GET /login per `second`")
	f.IntVar(&o.writes, "writes", 100, "POST /register and /changePassword per `second`")
	f.IntVar(&o.users, "users", 200, "`users` the writes are about: the order of a user's writes counts")
	f.IntVar(&o.backends, "backends", 3, "demo `backends`")
	f.IntVar(&o.flaky, "flaky", 1, "how `many` of them drop writes (the last ones)")
	f.Float64Var(&o.failRate, "fail-rate", 0.2, "`share` of the writes they drop")
	f.DurationVar(&o.freeze, "freeze", 5*time.Second, "`time` the last backend hangs, from a third of the duration on; 0: it does not")
	f.DurationVar(&o.settle, "settle", time.Minute, "at most this much `time` after the traffic until nothing may be owed")
	f.StringVar(&o.out, "o", "loadtest.html", "the report's `file`")
	f.StringVar(&o.tutti, "tutti", "", "`binary` to test; built from the directory above when empty")
	f.StringVar(&o.title, "title", "Tutti under load", "the report's `title`")
	if err := f.Parse(args); err != nil {
		return o, fmt.Errorf("cannot read the flags: %w", err)
	}
	o.extra = f.Args()
	switch {
	case len(o.extra) > 0 && !strings.HasPrefix(o.extra[0], "--"):
		return o, fmt.Errorf("unexpected argument %q: flags of Tutti's begin with --", o.extra[0])
	case o.duration < time.Second || o.freeze < 0 || o.settle < 0:
		return o, errors.New("-duration is at least 1s, -freeze and -settle are not below 0")
	case o.freeze > o.duration/2:
		return o, fmt.Errorf("-freeze=%v is more than half of -duration=%v", o.freeze, o.duration)
	case o.reads < 1 || o.writes < 1 || o.users < 1:
		return o, errors.New("-reads, -writes and -users are at least 1")
	case o.backends < 2 || o.backends > 16 || o.flaky < 0 || o.flaky > o.backends:
		return o, errors.New("-backends are 2 to 16, -flaky at most as many")
	case o.failRate < 0 || o.failRate >= 1:
		return o, errors.New("-fail-rate is below 1: otherwise nothing ever settles")
	}
	return o, nil
}
