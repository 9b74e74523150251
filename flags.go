package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// flags are the definitions of all flags, from which parsing, --help, --check and the
// README's table are made.
type flags struct {
	set    *pflag.FlagSet
	groups []*flagGroup      // in the order of --help
	env    map[string]string // what the environment gave, by flag name: the variable's name
}

// flagGroup is one heading of --help and the flags under it.
type flagGroup struct {
	title string
	flags []*pflag.Flag
	set   *pflag.FlagSet
}

// add defines a flag. usage is what --help and the README say about it.
func (g *flagGroup) add(v pflag.Value, name, usage string) { g.addShort(v, name, "", usage) }

// addShort defines a flag that has a letter, too.
func (g *flagGroup) addShort(v pflag.Value, name, letter, usage string) *pflag.Flag {
	f := g.set.VarPF(v, name, letter, usage)
	g.flags = append(g.flags, f)
	return f
}

// newFlags sets the defaults in c and returns the flags that write to it.
func newFlags(c *Config) *flags {
	f := &flags{set: pflag.NewFlagSet("tutti", pflag.ContinueOnError), env: map[string]string{}}
	f.set.SortFlags = false
	f.set.Usage = func() {}
	*c = Config{
		Listen: ":8080", AdminListen: "127.0.0.1:8081", ExposeMetrics: "local",
		Balance: []string{"/login"}, Fanout: []string{"/"},
		DialTimeout: 3 * time.Second, BackendTimeout: 30 * time.Second, StreamTimeout: 5 * time.Minute,
		MaxConns: 512, QueueTimeout: time.Second, IdleConnTimeout: 30 * time.Second,
		ReadTries: 2, EjectAfter: 3, EjectFor: 10 * time.Second,
		HealthInterval: 5 * time.Second, HealthTimeout: 2 * time.Second, HealthRise: 2, HealthFall: 3,
		SuccessStatus: []string{"201"}, rejectText: []string{"unanimous"},
		ackText: "all", AckTimeout: 30 * time.Second,
		MaxPending: 100_000, MaxPendingBytes: 256 * mib, IdempotencyWindow: 10 * time.Minute,
		RetryAttempts: 100, RetryBase: time.Second, RetryMaxBackoff: 64 * time.Second, RetryJitter: 100 * time.Millisecond,
		MaxWriteSize: 10 * mib, maxHeaderSize: 16 * kib,
		ClientTimeout: time.Minute, IdleTimeout: 75 * time.Second,
		ShutdownTimeout: 30 * time.Second,
		DemoFlaky:       1, DemoFailRate: 0.2, DemoListen: "127.0.0.1:0",
		AccessLogFormat: "combined",
		LogFormat:       "text", logLevel: "info",
	}
	f.listening(c)
	f.routing(c)
	f.connections(c)
	f.reads(c)
	f.writes(c)
	f.retries(c)
	f.limits(c)
	f.stopping(c)
	f.demo(c)
	f.other(c)
	return f
}

func (f *flags) group(title string) *flagGroup {
	g := &flagGroup{title: title, set: f.set}
	f.groups = append(f.groups, g)
	return g
}

func (f *flags) listening(c *Config) {
	g := f.group("Listening")
	g.add(textValue(&c.Listen, "ADDRESS"), "listen",
		"where clients connect; empty: no proxy, demo backends only")
	g.add(textValue(&c.AdminListen, "ADDRESS"), "admin-listen",
		"status page, JSON, health, metrics; empty: off")
	g.add(&listValue{to: &c.AdminHosts, parse: parseAdminHost, word: "NAMES"}, "admin-hosts",
		"names besides localhost and IP literals accepted as Host there; list")
	g.add(textValue(&c.adminTokenFile, "FILE"), "admin-token-file",
		"bearer token for what changes something, and for pprof; without it those are refused when --admin-listen is not on loopback")
	g.add(choiceValue(&c.ExposeMetrics, "local", "all", "off"), "expose-metrics",
		"/metrics and /nginx_status on --listen too: local to direct loopback clients, all, or off (the paths go to the backends)")
	g.add(textValue(&c.TLSCert, "FILE"), "tls-cert",
		"serve TLS on --listen, with this certificate and its chain (PEM); re-read when the file changes")
	g.add(textValue(&c.TLSKey, "FILE"), "tls-key", "its private key (PEM), likewise")
	g.add(&listValue{to: &c.trustedText, parse: parseTrusted, word: "NETWORKS"}, "trusted-proxies",
		"networks (10.0.0.0/8) and addresses of proxies in front, whose X-Forwarded-* and Forwarded fields are "+
			"kept and extended; from others they are removed; list; empty: nobody's are kept")
}

func (f *flags) routing(c *Config) {
	g := f.group("Backends and routes")
	g.add(&listValue{to: &c.backends, parse: parseBackend, word: "ADDRESSES"}, "backend",
		"host:port or http(s)://host:port of each backend; list; at least one, unless demo backends run")
	g.add(textValue(&c.BackendCA, "FILE"), "backend-ca",
		"certificates (PEM) to verify https backends with; empty: the system's")
	g.add(&listValue{to: &c.Balance, word: "PATTERNS"}, "balance",
		"patterns whose requests go to one backend; list of [METHOD ]PATH")
	g.add(&listValue{to: &c.Fanout, word: "PATTERNS"}, "fanout",
		"patterns whose writes go to all backends; list of [METHOD ]PATH")
}

func (f *flags) connections(c *Config) {
	g := f.group("Connections to backends")
	g.add(timeValue(&c.DialTimeout), "dial-timeout", "connecting to a backend")
	g.add(timeValue(&c.BackendTimeout), "backend-timeout",
		"from the request's last byte sent to the response's head")
	g.add(timeOrZeroValue(&c.StreamTimeout), "stream-timeout",
		"each pause in a backend's body, in sending to it, and in a tunnel; 0: no limit")
	g.add(countValue(&c.MaxConns, 1, 65535), "max-conns",
		"connections to one backend, idle ones and tunnels included; writes may hold at most half")
	g.add(timeOrZeroValue(&c.QueueTimeout), "queue-timeout",
		"how long a read waits for a free connection")
	g.add(timeValue(&c.IdleConnTimeout), "idle-conn-timeout",
		"an idle connection to a backend is closed after this")
}

func (f *flags) reads(c *Config) {
	g := f.group("Reads")
	g.add(countValue(&c.ReadTries, 1, maxBackends), "read-tries", "backends a safe request is tried on")
	g.add(countValue(&c.EjectAfter, 1, 1_000_000), "eject-after",
		"consecutive failures that take a backend out of the reads")
	g.add(shortTimeValue(&c.EjectFor, 5*time.Minute), "eject-for", "for how long; doubling to 5m while it goes on failing")
	g.add(healthPathValue(&c.HealthPath), "health-path",
		"GET it on each backend from time to time, 2xx is healthy; one that is not takes no reads while another is; empty: off")
	g.add(timeValue(&c.HealthInterval), "health-interval", "from one check of a backend to the next")
	g.add(timeValue(&c.HealthTimeout), "health-timeout", "from a check's beginning to the answer's head")
	g.add(countValue(&c.HealthRise, 1, 1000), "health-rise", "consecutive checks that pass until a backend is healthy again")
	g.add(countValue(&c.HealthFall, 1, 1000), "health-fall", "consecutive checks that fail until it is unhealthy")
}

func (f *flags) writes(c *Config) {
	g := f.group("Writes")
	g.add(&listValue{to: &c.SuccessStatus, parse: parseStatusRange, word: "CODES"}, "success-status",
		"what counts as delivered; list of codes and ranges (200-299)")
	g.add(&listValue{to: &c.rejectText, parse: parseRejectStatus, word: "CODES"}, "reject-status",
		"what ends a delivery as refused, without retry: a list of codes and ranges (400-499), none, or unanimous: "+
			"the first attempts on all backends end in the same 4xx other than 408, 425, 429")
	g.add(textValue(&c.ackText, "ACK"), "ack",
		"when the client is answered: all, quorum, one, or a number of backends")
	g.add(timeValue(&c.AckTimeout), "ack-timeout",
		"not acknowledged by then: 202 Accepted; delivery goes on")
	g.add(orderValue(c), "order-by",
		"ordering key: all, path, header:NAME, query:NAME, form:NAME or cookie:NAME; the writes of a key are sent to a backend "+
			"one at a time, in the order they were accepted; one without it is unordered and counted; empty: off")
	g.add(textValue(&c.Journal, "DIRECTORY"), "journal",
		"where accepted writes are on disk before they are forwarded or answered, and what is owed goes on from after a "+
			"restart; empty: in memory")
	g.add(sizeValue(&c.JournalMaxSize, 0, 1<<20*gib), "journal-max-size",
		"what it may take; past it, or with less than 64MiB free, writes are refused with 503; 0: 80 % of the free space at the start")
	g.add(&listValue{to: &c.forget, parse: parseBackend, word: "ADDRESSES"}, "forget",
		"backends not in --backend any more, for which what the journal owes them is dropped; without it they keep it from starting; list")
	g.add(countValue(&c.MaxPending, 1, 1_000_000_000), "max-pending",
		"writes held in memory (unfinished, parked, kept answers, bodies still arriving); past it 503; with a journal: what of its "+
			"backlog is in memory, too")
	g.add(sizeValue(&c.MaxPendingBytes, 1, 1<<20*gib), "max-pending-bytes",
		"their bytes; past it 503")
	g.add(timeValue(&c.IdempotencyWindow), "idempotency-window",
		"how long a finished write's answer and state are kept")
}

func (f *flags) retries(c *Config) {
	g := f.group("Retries")
	g.add(countValue(&c.RetryAttempts, 0, 1_000_000_000), "retry-attempts",
		"tries on one backend, the first included; 0: no limit")
	g.add(timeValue(&c.RetryBase), "retry-base", "the wait's unit: 2^n of it")
	g.add(timeValue(&c.RetryMaxBackoff), "retry-max-backoff", "cap of the wait, before jitter")
	g.add(timeOrZeroValue(&c.RetryJitter), "retry-jitter",
		"at most this much random time is added, drawn afresh each time")
}

func (f *flags) limits(c *Config) {
	g := f.group("Limits for clients")
	g.add(sizeValue(&c.MaxWriteSize, 1, 1024*gib), "max-write-size",
		"body of a write (it is held to be sent again); past it 413")
	g.add(sizeValue(&c.maxHeaderSize, kib, mib), "max-header-size", "a head; past it 431")
	g.add(timeValue(&c.ClientTimeout), "client-timeout",
		"a request's head in all (408); each pause in sending its body or in taking the answer")
	g.add(timeValue(&c.IdleTimeout), "idle-timeout", "idle client connection, closed silently")
	g.add(countValue(&c.MaxClients, 0, 10_000_000), "max-clients",
		"client connections, more wait in the kernel's backlog; 0: no limit")
}

func (f *flags) stopping(c *Config) {
	g := f.group("Stopping")
	g.add(timeOrZeroValue(&c.ShutdownDelay), "shutdown-delay",
		"on SIGTERM or SIGINT: not ready, but serving, for this long")
	g.add(timeOrZeroValue(&c.ShutdownTimeout), "shutdown-timeout",
		"then drain for at most this long; a second signal stops at once")
}

func (f *flags) demo(c *Config) {
	g := f.group("Demo backends")
	g.add(countValue(&c.DemoBackends, 0, maxBackends), "demo-backends",
		"spawn that many embedded demo backends and use them as --backend")
	g.add(countValue(&c.DemoFlaky, 0, maxBackends), "demo-flaky",
		"how many of them drop requests (the last ones); environment SKIP_SOME_REQUESTS=true: all, false: none")
	g.add(shareValue(&c.DemoFailRate), "demo-fail-rate", "share of writes a flaky one drops")
	g.add(timeOrZeroValue(&c.DemoLatency), "demo-latency", "added to each demo answer")
	g.add(textValue(&c.DemoListen, "ADDRESS"), "demo-listen",
		"address of the first demo backend; the others take the next ports (port 0: any)")
}

func (f *flags) other(c *Config) {
	g := f.group("Other")
	g.add(textValue(&c.AccessLog, "FILE"), "access-log",
		"a line per request on --listen, to this file or - for standard output; SIGHUP and SIGUSR1 open it again; empty: off")
	g.add(choiceValue(&c.AccessLogFormat, "combined", "json"), "access-log-format",
		"combined (as nginx's) or json, which tells the route, the backend, tries and times, too")
	g.add(choiceValue(&c.LogFormat, "text", "json"), "log-format", "of the log on standard error: text or json")
	g.add(choiceValue(&c.logLevel, "debug", "info", "warn", "error"), "log-level", "debug, info, warn or error")
	for _, s := range []struct {
		to                  *bool
		name, letter, usage string
	}{
		{&c.check, "check", "", "validate the flags, resolve and print the configuration, exit"},
		{&c.version, "version", "", "print the version, exit"},
		{&c.help, "help", "h", "print this, exit"},
	} {
		d := g.addShort(switchValue(s.to), s.name, s.letter, s.usage)
		d.NoOptDefVal, d.DefValue = "true", ""
	}
	probe := f.set.VarPF(textValue(&c.ProbeURL, "URL"), "probe", "",
		"GET the URL, exit with 0 if it answers 2xx and with 1 if not (for a container's health check)")
	probe.Hidden = true
}

// parse reads the command line, then for the flags that are not on it the environment.
func (f *flags) parse(args, environ []string) error {
	if err := f.set.Parse(args); err != nil {
		return f.refused(err)
	}
	if rest := f.set.Args(); len(rest) > 0 {
		return usagef("%s: tutti takes flags only, see --help", shown(rest[0]))
	}
	return f.readEnvironment(environ)
}

// refused says what the library found wrong in our own words.
func (f *flags) refused(err error) error {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
		item    *itemError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return usagef("-%s: no such flag, flags begin with two dashes, see --help", shown(unknown.GetSpecifiedShortnames()))
	case errors.As(err, &unknown):
		return usagef("--%s: no such flag, see --help", shown(unknown.GetSpecifiedName()))
	case errors.As(err, &missing):
		return usagef("--%s: a value is missing, want --%[1]s=%s", missing.GetFlag().Name, missing.GetFlag().Value.Type())
	case errors.As(err, &invalid) && errors.As(err, &item):
		return f.bad(invalid.GetFlag().Name, item.item, item.Error())
	case errors.As(err, &invalid):
		return f.bad(invalid.GetFlag().Name, invalid.GetValue(), errors.Unwrap(invalid).Error())
	}
	return usagef("%s", strconv.QuoteToGraphic(err.Error()))
}

// bad says that the flag's value can't be accepted, under the name it was given by.
func (f *flags) bad(name, value, wanted string) error {
	if name == "backend" {
		value = redacted(value)
	}
	return badValue(f.label(name), value, wanted)
}

// label is how the flag was given: as "--name" or as its variable.
func (f *flags) label(name string) string {
	if variable, ok := f.env[name]; ok {
		return variable
	}
	return "--" + name
}

// given tells whether the flag is on the command line or in the environment.
func (f *flags) given(name string) bool { return f.set.Changed(name) }

// redacted hides the user and password of a URL, with or without its scheme.
func redacted(value string) string {
	at := strings.LastIndexByte(value, '@')
	if at < 0 {
		return value
	}
	if i := strings.Index(value, "://"); i >= 0 && i < at {
		return value[:i+3] + "***" + value[at:]
	}
	return "***" + value[at:]
}
