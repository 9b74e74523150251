package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tutti/accesslog"
	"tutti/admin"
	"tutti/backend"
	"tutti/demo"
	"tutti/fanout"
	"tutti/front"
	"tutti/journal"
	"tutti/journal/disk"
	"tutti/metrics"
	"tutti/proxy"
	"tutti/retry"
	"tutti/secure"
)

// service is the running program: what start has built, in the order in which it depends on
// what came before. A nil field was not built.
type service struct {
	c        *Config
	log      *slog.Logger
	requests io.Writer // the demo backends' lines
	manager  manager

	pair    *secure.Pair // what clients are shown
	access  *accesslog.Log
	demo    *demo.Group
	metrics *metrics.Set
	group   *backend.Group
	journal *disk.Journal
	fanout  *fanout.Fanout
	front   *front.Server
	admin   *admin.Server

	clients  net.Addr    // where the front listens
	stopping atomic.Bool // /-/ready says no
	serving  sync.WaitGroup
	failed   chan error // a listener that ended by itself
	started  time.Time
}

// start builds everything and begins to serve. On an error nothing is left running.
func start(c *Config, log *slog.Logger, requests io.Writer) (*service, error) {
	s := &service{c: c, log: log, requests: requests, failed: make(chan error, 2), started: time.Now()}
	if err := s.build(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *service) build() error {
	var err error
	if s.pair, err = s.c.loadPair(s.log); err != nil {
		return err
	}
	if err = s.openAccessLog(); err != nil {
		return err
	}
	names := s.c.Backends
	if s.c.DemoBackends > 0 {
		if names, err = s.startDemo(); err != nil || s.c.Listen == "" {
			return err
		}
	}
	if err := s.buildBackends(names); err != nil {
		return err
	}
	pseudonym := newPseudonym()
	if err := s.openJournal(); err != nil {
		return err
	}
	if err := s.buildFanout(pseudonym); err != nil {
		return err
	}
	balancer, err := proxy.New(proxy.Options{
		Group: s.group, Tries: s.c.ReadTries, QueueTimeout: s.c.QueueTimeout,
		StreamTimeout: s.c.StreamTimeout, Pseudonym: pseudonym,
	})
	if err != nil {
		return err
	}
	r := &router{
		table: s.c.Routes, balancer: balancer, fanout: s.fanout, metrics: s.metrics,
		pseudonym: pseudonym, expose: exposureOf(s.c.ExposeMetrics),
	}
	if s.front, err = front.New(front.Options{
		Handler: r, MaxHeader: s.c.MaxHeaderSize, ClientTimeout: s.c.ClientTimeout,
		IdleTimeout: s.c.IdleTimeout, MaxClients: s.c.MaxClients, Log: s.log, TLS: tlsOf(s.pair),
		Trusted: s.c.trustedPeers(), Ended: s.ended(),
	}); err != nil {
		return err
	}
	r.stats = s.front.Stats
	s.metrics.Source(s.gauges())
	return s.listen(names)
}

func (s *service) startDemo() ([]string, error) {
	var err error
	s.demo, err = demo.Start(demo.Options{
		Listen: s.c.DemoListen, Count: s.c.DemoBackends, Names: demoNames(s.c), Flaky: s.c.DemoFlaky,
		FailRate: s.c.DemoFailRate, Latency: s.c.DemoLatency, Ordered: s.c.OrderBy.Given(), Log: s.requests,
	})
	if err != nil {
		return nil, err
	}
	if s.c.Listen == "" { // otherwise announce says it
		for i := range s.demo.Servers() {
			s.log.Info("demo backend", s.describeBackend(i, s.demo.Addrs()[i])...)
		}
	}
	return s.demo.Addrs(), nil
}

// demoNames has a demo backend that is alone on its host, as in a container, take the host's
// name if that is one of such servers: the others have theirs by position.
func demoNames(c *Config) []string {
	host, err := os.Hostname()
	if err != nil || c.Listen != "" || c.DemoBackends != 1 || !strings.HasPrefix(host, "server") {
		return nil
	}
	return []string{host}
}

func (s *service) buildBackends(names []string) error {
	s.metrics = metrics.New(names)
	o := backend.Options{
		DialTimeout: s.c.DialTimeout, ResponseTimeout: s.c.BackendTimeout, StreamTimeout: s.c.StreamTimeout,
		IdleTimeout: s.c.IdleConnTimeout, QueueTimeout: s.c.QueueTimeout, MaxConns: s.c.MaxConns,
		EjectAfter: s.c.EjectAfter, EjectFor: s.c.EjectFor, MaxHeader: s.c.MaxHeaderSize, Log: s.log,
		Checks: backend.Checks{
			Path: s.c.HealthPath, Interval: s.c.HealthInterval, Timeout: s.c.HealthTimeout,
			Rise: s.c.HealthRise, Fall: s.c.HealthFall,
		},
	}
	configs, err := s.c.backendTLS()
	if err != nil {
		return err
	}
	all := make([]*backend.Backend, len(names))
	for i, name := range names {
		if i < len(configs) { // the demo's are without
			o.TLS = configs[i]
		}
		if all[i], err = backend.New(name, i, o, s.metrics.Backend(i)); err != nil {
			return err
		}
	}
	s.group = backend.NewGroup(all)
	return nil
}

func (s *service) buildFanout(pseudonym string) error {
	success, err := fanout.ParseStatusSet(strings.Join(s.c.SuccessStatus, ","))
	if err != nil {
		return err
	}
	reject, err := fanout.ParseStatusSet(strings.Join(s.c.RejectStatus, ","))
	if err != nil {
		return err
	}
	var j journal.Journal
	if s.journal != nil {
		j = s.journal
	}
	s.fanout, err = fanout.New(fanout.Options{
		Group: s.group, Journal: j, Metrics: s.metrics, Log: s.log,
		Success: success, Reject: reject, RejectUnanimous: s.c.RejectUnanimous,
		Ack: s.c.Ack, AckEarliest: s.c.AckEarliest, AckTimeout: s.c.AckTimeout,
		Policy: retry.Policy{
			Base: s.c.RetryBase, Max: s.c.RetryMaxBackoff, Jitter: s.c.RetryJitter, Attempts: s.c.RetryAttempts,
		},
		MaxPending: s.c.MaxPending, MaxPendingBytes: s.c.MaxPendingBytes, MaxWriteSize: s.c.MaxWriteSize,
		OrderBy: s.c.OrderBy, KeepFor: s.c.IdempotencyWindow,
		// Sequences have to grow across restarts: a backend that drops what is older than the last
		// it applied would drop everything. Nobody accepts a million writes a second.
		LastSequence: uint64(time.Now().UnixMicro()),
		Pseudonym:    pseudonym,
	})
	if err != nil {
		return explained(err)
	}
	for i, b := range s.group.All() {
		b.Owing(func() (owed, parked int) {
			w := s.fanout.Snapshot().Backends[i]
			return w.Owed, w.Parked
		})
	}
	return nil
}

// gauges is where a scrape reads what others own.
func (s *service) gauges() metrics.Gauges {
	all := s.group.All()
	return metrics.Gauges{
		Writes:            s.fanout.Snapshot,
		LogDropped:        s.access.Dropped,
		JournalBytes:      s.journalBytes,
		ClientConnections: func() int { return s.front.Stats().Active },
		Up: func(i int) bool {
			state, _ := all[i].State()
			return state == backend.Live && all[i].Up()
		},
		Connections: func(i int) (idle, active int) {
			st := all[i].Stats()
			return st.Idle, st.Active
		},
	}
}

// listenOn listens at an address. 0.0.0.0 is all of IPv4 and no more, which net.Listen would have it be.
func listenOn(address string) (net.Listener, error) {
	network := "tcp"
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().Is4() {
		network = "tcp4"
	}
	return net.Listen(network, address)
}

// listen opens the listeners and serves them.
func (s *service) listen(names []string) error {
	ln, err := listenOn(s.c.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen for clients: %w", err)
	}
	s.clients = ln.Addr()
	var adminLn net.Listener
	if s.c.AdminListen != "" {
		if adminLn, err = listenOn(s.c.AdminListen); err != nil {
			_ = ln.Close()
			return fmt.Errorf("cannot listen for operators: %w", err)
		}
		if err = s.buildAdmin(); err != nil {
			_, _ = ln.Close(), adminLn.Close()
			return err
		}
	}
	s.serve("clients", func() error { return s.front.Serve(ln) })
	if adminLn != nil {
		s.serve("operators", func() error { return s.admin.Serve(adminLn) })
	}
	if s.pair != nil {
		s.pair.Watch(watchEvery)
	}
	s.announce(names, adminLn)
	return nil
}

// buildAdmin readies what serves operators.
func (s *service) buildAdmin() error {
	all := make([]admin.Backend, len(s.group.All()))
	for i, b := range s.group.All() {
		all[i] = b
	}
	var err error
	s.admin, err = admin.New(admin.Options{
		Writes: s.fanout, Backends: all, Metrics: s.metrics, Front: s.front.Stats, Stopping: s.stopping.Load,
		Remember: s.fanout.Remember,
		Hosts:    s.c.AdminHosts, Token: s.c.AdminToken,
		Version: shortVersion(), Started: s.started, Listen: s.clients.String(), Log: s.log,
	})
	return err
}

// serve runs a listener's loop; an end that nobody asked for stops the program.
func (s *service) serve(whom string, loop func() error) {
	s.serving.Go(func() {
		if err := loop(); err != nil && !s.stopping.Load() {
			s.failed <- fmt.Errorf("cannot go on listening for %s: %w", whom, err)
		}
	})
}

// newPseudonym names this process in Via: two instances in a chain are no loop.
func newPseudonym() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return "tutti-" + hex.EncodeToString(b[:])
}
