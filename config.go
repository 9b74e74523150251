package main

import (
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"tutti/fanout"
	"tutti/route"
	"tutti/trust"
)

// maxBackends is how many backends a backend.Set can hold.
const maxBackends = 64

// Config is the validated configuration. Times are positive unless 0 is said to mean something.
type Config struct {
	Listen        string   // canonical "host:port"; empty: demo backends only
	AdminListen   string   // canonical "host:port"; empty: off
	AdminLoopback bool     // AdminListen is reachable from this machine alone
	AdminHosts    []string // lower case, without port
	AdminToken    string   // empty: none was given; never printed
	ExposeMetrics string   // "local", "all" or "off"

	TLSCert, TLSKey string // files; empty: clients are served without TLS

	Backends        []string // "host:port", canonical, no two the same; empty with DemoBackends
	BackendTLS      []bool   // which of them are spoken to over TLS
	BackendCA       string   // file; empty: the system's certificates
	Balance, Fanout []string // patterns as given
	Routes          *route.Table

	DialTimeout, BackendTimeout time.Duration
	StreamTimeout               time.Duration // 0: no limit
	MaxConns                    int
	QueueTimeout                time.Duration // 0: a read does not wait
	IdleConnTimeout             time.Duration

	ReadTries  int
	EjectAfter int
	EjectFor   time.Duration

	HealthPath                    string // with or without a query; empty: no checks
	HealthInterval, HealthTimeout time.Duration
	HealthRise, HealthFall        int

	SuccessStatus   []string // codes and ranges, "201" or "200-299", from 200 to 599
	RejectStatus    []string // likewise; empty for none and unanimous
	RejectUnanimous bool
	Ack             int  // how many backends must have a write, 1 to their number
	AckEarliest     bool // one: the earliest answer, not the first in --backend order
	AckTimeout      time.Duration
	OrderBy         fanout.OrderBy

	Journal        string   // directory; empty: writes are in memory
	JournalMaxSize int64    // 0: 80 % of the free space at the start
	Forget         []string // canonical, with a scheme; none is a backend

	MaxPending        int
	MaxPendingBytes   int64
	IdempotencyWindow time.Duration

	RetryAttempts              int // 0: no limit
	RetryBase, RetryMaxBackoff time.Duration
	RetryJitter                time.Duration // may be 0

	MaxWriteSize               int64
	MaxHeaderSize              int
	ClientTimeout, IdleTimeout time.Duration
	MaxClients                 int // 0: no limit

	ShutdownDelay, ShutdownTimeout time.Duration // may be 0

	DemoBackends int // 0: none
	DemoFlaky    int // the last so many
	DemoFailRate float64
	DemoLatency  time.Duration // may be 0
	DemoListen   string        // canonical "host:port"; port 0: any

	Trusted *trust.Proxies // nil: nobody

	AccessLog       string // file or "-"; empty: off
	AccessLogFormat string // "combined" or "json"

	LogFormat string // "text" or "json"
	LogLevel  slog.Level

	Action   Action
	ProbeURL string
	Warnings []string // sentences for the log

	// As given, until they are validated.
	adminTokenFile, ackText, logLevel string
	orderText                         string
	rejectText, trustedText, forget   []string
	backends                          []string // with their schemes
	maxHeaderSize                     int64
	check, version, help              bool
	settings                          []setting
}

// Action is what the process is asked to do.
type Action uint8

// The actions. For Help, Version and Probe the rest of a Config is not validated.
const (
	Run     Action = iota
	Check          // print the configuration
	Help           // print helpText
	Version        // print versionText
	Probe          // ask ProbeURL
)

// setting is one flag and its value as --check prints it.
type setting struct{ name, value string }

// parseFlags reads the command line (without the program's name) and the environment, as
// os.Environ gives it, and validates both. The flag wins over its variable. Errors are
// *usageError. The only file read is --admin-token-file.
func parseFlags(args, environ []string) (*Config, error) {
	c := &Config{}
	f := newFlags(c)
	if err := f.parse(args, environ); err != nil {
		return nil, err
	}
	c.Action = c.action()
	if c.Action > Check {
		return c, nil
	}
	for _, name := range f.unknownVariables(environ) {
		c.Warnings = append(c.Warnings, "there is no flag for the variable "+shown(name)+", it is not read")
	}
	for _, validate := range []func(*flags) error{
		c.validateBackends, c.validateDemo, c.validateListening, c.validateTLS, c.validateRoutes, c.validateStatus,
		c.validateAck, c.validateBounds, c.validateTrusted, c.validateLog, c.validateToken,
		c.validateHealth, c.validateJournal,
	} {
		if err := validate(f); err != nil {
			return nil, err
		}
	}
	c.settings = f.settings()
	return c, nil
}

func (c *Config) action() Action {
	switch {
	case c.help:
		return Help
	case c.version:
		return Version
	case c.ProbeURL != "":
		return Probe
	case c.check:
		return Check
	}
	return Run
}

// count is the number of backends there will be.
func (c *Config) count() int { return max(len(c.Backends), c.DemoBackends) }

func (c *Config) validateBackends(f *flags) error {
	for _, b := range c.backends {
		name, https := strings.CutPrefix(b, overTLS)
		c.Backends, c.BackendTLS = append(c.Backends, name), append(c.BackendTLS, https)
	}
	switch {
	case len(c.Backends) > 0 && c.DemoBackends > 0:
		return f.bad("demo-backends", strconv.Itoa(c.DemoBackends), "they would take the place of --backend, want one of the two")
	case c.Listen == "" && c.DemoBackends == 0:
		return f.bad("listen", "", "without a proxy there must be demo backends, want an address or --demo-backends=1")
	case c.count() == 0:
		return usagef("--backend: at least one is needed, want --backend=host:port or --demo-backends=3")
	case len(c.Backends) > maxBackends:
		return f.bad("backend", strings.Join(c.Backends, ","), "these are "+strconv.Itoa(len(c.Backends))+", want at most "+strconv.Itoa(maxBackends))
	}
	seen := map[string]bool{}
	for i, b := range c.Backends {
		if seen[b] {
			return f.bad("backend", c.backends[i], "given twice, want each backend once")
		}
		seen[b] = true
	}
	return nil
}

func (c *Config) validateTLS(f *flags) error {
	switch {
	case c.TLSCert != "" && c.TLSKey == "":
		return f.bad("tls-cert", c.TLSCert, "its key is missing, want --tls-key=FILE, too")
	case c.TLSKey != "" && c.TLSCert == "":
		return f.bad("tls-key", c.TLSKey, "its certificate is missing, want --tls-cert=FILE, too")
	case c.TLSCert != "" && c.Listen == "":
		return f.bad("tls-cert", c.TLSCert, "there is nothing to serve with it without --listen, leave it out")
	}
	if c.BackendCA != "" && !slices.Contains(c.BackendTLS, true) {
		return f.bad("backend-ca", c.BackendCA, "no backend is spoken to over TLS, want --backend=https://host:port or leave it out")
	}
	return nil
}

func (c *Config) validateDemo(f *flags) error {
	if err := f.canonical("demo-listen", &c.DemoListen); err != nil {
		return err
	}
	if c.DemoBackends == 0 {
		return nil
	}
	if c.DemoFlaky > c.DemoBackends {
		return f.bad("demo-flaky", strconv.Itoa(c.DemoFlaky), "want at most --demo-backends, which is "+strconv.Itoa(c.DemoBackends))
	}
	if last := c.demoAddress(c.DemoBackends - 1); last == "" {
		return f.bad("demo-listen", c.DemoListen, "the ports of the other demo backends would be past 65535")
	}
	return nil
}

// demoAddress is where the i-th demo backend listens, empty when there is no such port.
func (c *Config) demoAddress(i int) string {
	host, port, _ := net.SplitHostPort(c.DemoListen)
	n, _ := strconv.Atoi(port)
	if n == 0 {
		return c.DemoListen
	}
	if n+i > 65535 {
		return ""
	}
	return net.JoinHostPort(host, strconv.Itoa(n+i))
}

// validateListening checks the two listeners' addresses, that no two want the same port, and
// that no backend is Tutti itself.
func (c *Config) validateListening(f *flags) error {
	if c.Listen == "" {
		if f.given("admin-listen") && c.AdminListen != "" {
			return f.bad("admin-listen", c.AdminListen, "there is nothing to show without --listen, leave it out")
		}
		c.AdminListen = ""
		return nil
	}
	if err := f.canonical("listen", &c.Listen); err != nil {
		return err
	}
	if c.AdminListen != "" {
		if err := f.canonical("admin-listen", &c.AdminListen); err != nil {
			return err
		}
		c.AdminLoopback = isLoopback(c.AdminListen)
	}
	return c.validatePorts(f)
}

// canonical puts an address to listen on into canonical form.
func (f *flags) canonical(name string, address *string) error {
	canonical, err := parseListen(*address)
	if err != nil {
		return f.bad(name, *address, err.Error())
	}
	*address = canonical
	return nil
}

func (c *Config) validatePorts(f *flags) error {
	taken := []setting{{"listen", c.Listen}}
	if c.AdminListen != "" {
		taken = append(taken, setting{"admin-listen", c.AdminListen})
	}
	own := len(taken)
	for i := range c.DemoBackends {
		taken = append(taken, setting{"demo-listen", c.demoAddress(i)})
	}
	for i, a := range taken {
		for _, b := range taken[:i] {
			if !collide(a.value, b.value) {
				continue
			}
			if !f.given(a.name) {
				a, b = b, a
			}
			return f.bad(a.name, a.value, "the port is taken by "+f.label(b.name)+"="+b.value)
		}
	}
	for _, b := range c.Backends {
		for _, a := range taken[:own] {
			if isLoopback(b) && collide(a.value, b) {
				return f.bad("backend", b, "that is where Tutti listens itself ("+f.label(a.name)+"="+a.value+")")
			}
		}
	}
	return nil
}

func (c *Config) validateRoutes(f *flags) error {
	if _, err := route.Parse(c.Balance, nil); err != nil {
		return f.bad("balance", strings.Join(c.Balance, ","), err.Error())
	}
	if _, err := route.Parse(nil, c.Fanout); err != nil {
		return f.bad("fanout", strings.Join(c.Fanout, ","), err.Error())
	}
	var err error
	if c.Routes, err = route.Parse(c.Balance, c.Fanout); err == nil {
		return nil
	}
	name, other := "fanout", "balance"
	if !f.given(name) {
		name, other = other, name
	}
	wanted := err.Error()
	if !f.given(other) {
		wanted += " (" + f.set.Lookup(other).Value.String() + " is the default of --" + other + ", give that flag too)"
	}
	return f.bad(name, f.set.Lookup(name).Value.String(), wanted)
}

func (c *Config) validateStatus(f *flags) error {
	if len(c.SuccessStatus) == 0 {
		return f.bad("success-status", "", wantStatus)
	}
	switch text := strings.Join(c.rejectText, ","); {
	case text == "":
		return f.bad("reject-status", "", wantReject)
	case text == "none":
	case text == "unanimous":
		c.RejectUnanimous = true
	case slices.Contains(c.rejectText, "none"), slices.Contains(c.rejectText, "unanimous"):
		return f.bad("reject-status", text, wantReject)
	default:
		c.RejectStatus = c.rejectText
	}
	success := statusSet(c.SuccessStatus...)
	for _, r := range c.RejectStatus {
		if refused := statusSet(r); success.Overlaps(&refused) {
			return f.bad("reject-status", r, "some of it is in "+f.label("success-status")+"="+strings.Join(c.SuccessStatus, ",")+" too, want either")
		}
	}
	return nil
}

func (c *Config) validateAck(f *flags) error {
	n := c.count()
	var err error
	if c.Ack, c.AckEarliest, err = fanout.ParseAck(c.ackText, n); err != nil {
		return f.bad("ack", c.ackText, "want all, quorum, one or a number of backends from 1 to "+strconv.Itoa(n))
	}
	return nil
}

// validateBounds refuses values that are fine alone and can't work together.
func (c *Config) validateBounds(f *flags) error {
	c.MaxHeaderSize = int(c.maxHeaderSize)
	if c.MaxPendingBytes < c.MaxWriteSize {
		name := "max-pending-bytes"
		if !f.given(name) {
			return f.bad("max-write-size", showSize(c.MaxWriteSize), "want at most --max-pending-bytes, which is "+showSize(c.MaxPendingBytes))
		}
		return f.bad(name, showSize(c.MaxPendingBytes), "want at least "+f.label("max-write-size")+", which is "+showSize(c.MaxWriteSize))
	}
	if c.RetryMaxBackoff < c.RetryBase {
		name := "retry-max-backoff"
		if !f.given(name) {
			return f.bad("retry-base", showDuration(c.RetryBase), "want at most --retry-max-backoff, which is "+showDuration(c.RetryMaxBackoff))
		}
		return f.bad(name, showDuration(c.RetryMaxBackoff), "want at least "+f.label("retry-base")+", which is "+showDuration(c.RetryBase))
	}
	return nil
}

func (c *Config) validateLog(f *flags) error {
	if strings.ContainsRune(c.AccessLog, 0) {
		return f.bad("access-log", c.AccessLog, "want a file or - for standard output")
	}
	if err := c.LogLevel.UnmarshalText([]byte(c.logLevel)); err != nil {
		return f.bad("log-level", c.logLevel, "want debug, info, warn or error")
	}
	return nil
}

func (c *Config) validateToken(f *flags) error {
	if c.adminTokenFile != "" {
		token, warning, err := readToken(c.adminTokenFile)
		if err != nil {
			return f.bad("admin-token-file", c.adminTokenFile, err.Error())
		}
		c.AdminToken = token
		if warning != "" {
			c.Warnings = append(c.Warnings, f.label("admin-token-file")+": "+warning)
		}
	}
	if c.AdminListen != "" && !c.AdminLoopback && c.AdminToken == "" {
		c.Warnings = append(c.Warnings, f.label("admin-listen")+"="+c.AdminListen+
			" is not on loopback and there is no --admin-token-file: what changes something, and pprof, is refused there")
	}
	return nil
}
