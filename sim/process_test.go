package sim

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tutti/backend"
	"tutti/fanout"
	"tutti/front"
	"tutti/journal"
	"tutti/metrics"
	"tutti/proxy"
)

const pseudonym = "tutti-sim"

// process is what is under test: Tutti, without its flags. It can be stopped, and started again over the same world.
type process struct {
	w        *world
	metrics  *metrics.Set
	group    *backend.Group
	fanout   *fanout.Fanout
	balancer *proxy.Balancer
	front    *front.Server
	journal  journal.Journal
	ln       *listener
	serving  sync.WaitGroup

	number int64 // of the processes
	waits  atomic.Int64
	fate   atomic.Pointer[outage]
	events atomic.Int64
	fallen atomic.Bool
	dead   atomic.Bool // nothing it does reaches anybody
	doomed chan outage
	ends   []*end // of its connections to replicas; under world.mu
}

// start starts one.
func (w *world) start() error {
	w.starts++
	p := &process{w: w, ln: newListener(), number: w.starts, doomed: make(chan outage, 1)}
	if err := p.build(); err != nil {
		if p.journal != nil {
			_ = p.journal.Close()
		}
		if p.group != nil {
			p.group.Close()
		}
		return err
	}
	p.serving.Go(func() { _ = p.front.Serve(p.ln) })
	w.process.Store(p)
	return nil
}

func (p *process) build() error {
	var names []string
	for _, r := range p.w.replicas {
		names = append(names, r.name)
	}
	p.metrics = metrics.New(names)
	o := p.w.p.backend
	o.Dial, o.Log = p.dial, slog.New(slog.DiscardHandler)
	all := make([]*backend.Backend, len(names))
	for i, name := range names {
		var err error
		if all[i], err = backend.New(name, i, o, p.metrics.Backend(i)); err != nil {
			return err
		}
	}
	p.group = backend.NewGroup(all)
	if err := p.buildFanout(); err != nil {
		return err
	}
	var err error
	if p.balancer, err = proxy.New(proxy.Options{
		Group: p.group, Tries: p.w.p.tries, QueueTimeout: p.w.p.queueTime, Pseudonym: pseudonym,
	}); err != nil {
		return err
	}
	p.front, err = front.New(front.Options{
		Handler: p, MaxHeader: 16 << 10, ClientTimeout: 20 * time.Second, IdleTimeout: time.Minute,
		Log: slog.New(alarm{slog.DiscardHandler, p.w.h}),
	})
	return err
}

func (p *process) buildFanout() error {
	plan := p.w.p
	success, err := fanout.ParseStatusSet("201")
	if err != nil {
		return err
	}
	var reject fanout.StatusSet
	if plan.rejectsList() {
		if reject, err = fanout.ParseStatusSet(plan.reject); err != nil {
			return err
		}
	}
	order, err := fanout.ParseOrderBy(plan.orderBy)
	if err != nil {
		return err
	}
	need, earliest, err := fanout.ParseAck(plan.ack, plan.backends)
	if err != nil {
		return err
	}
	if plan.journal {
		if p.journal, err = p.openDisk(); err != nil {
			return err
		}
	}
	p.fanout, err = fanout.New(fanout.Options{
		Group: p.group, Journal: p.journal, Metrics: p.metrics, Log: slog.New(slog.DiscardHandler),
		Success: success, Reject: reject, RejectUnanimous: plan.reject == "unanimous",
		Ack: need, AckEarliest: earliest, AckTimeout: plan.ackTimeout, Policy: plan.policy,
		MaxPending: plan.maxPending, MaxPendingBytes: plan.maxBytes, MaxWriteSize: plan.maxWrite,
		OrderBy: order, LastSequence: uint64(time.Now().UnixMicro()), KeepFor: plan.keepFor, Pseudonym: pseudonym,
	})
	return err
}

// alarm takes an error in the log of the front for what it is: a handler has panicked.
type alarm struct {
	slog.Handler
	h *history
}

// Enabled implements slog.Handler.
func (alarm) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }

// Handle implements slog.Handler.
func (a alarm) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(f slog.Attr) bool {
		text += " " + f.String()
		return true
	})
	a.h.wrong("%s", text)
	return nil
}

// Serve implements front.Handler.
func (p *process) Serve(x *front.Exchange) {
	path, page := strings.CutPrefix(string(x.Req.Path), "/-/writes/")
	switch {
	case string(x.Req.Method) != "GET":
		p.fanout.Serve(x)
	case page:
		p.fanout.Page(x, path)
	default:
		p.balancer.Serve(x)
	}
}

// Refuse implements front.Handler.
func (p *process) Refuse(int) {}

// stop drains for so long and then closes, and returns what is given up.
func (p *process) stop(within time.Duration) (first []fanout.Abandoned, total int) {
	writes, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	clients, cancelClients := context.WithTimeout(context.Background(), within+time.Second)
	defer cancelClients()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_ = p.front.Drain(clients)
	}()
	err := p.fanout.Drain(writes)
	<-drained
	if err == nil {
		_ = p.fanout.Drain(writes)
	}
	p.group.HangUp()
	_ = p.front.Close()
	first, total = p.fanout.Close()
	p.serving.Wait()
	p.group.Close()
	return first, total
}

// look checks the accounting and the bounds of what is held.
func (w *world) look() {
	p := w.process.Load()
	if p == nil {
		return
	}
	s := p.fanout.Snapshot()
	if s.Accepted != s.Settled+s.Pending+s.Parked {
		w.h.wrong("the sum does not hold: %+v", s)
	}
	held := s.Pending + s.Parked
	if !w.p.journal && held > uint64(w.p.maxPending) || s.PendingBytes > w.p.maxBytes+int64(held)*16<<10 {
		w.h.wrong("more is held than may be: %+v", s)
	}
	owed, parked := 0, 0
	for i := range s.Backends {
		owed, parked = max(owed, s.Backends[i].Owed), max(parked, s.Backends[i].Parked)
	}
	if uint64(owed) > s.Pending || uint64(parked) > held {
		w.h.wrong("more deliveries are owed or parked than writes are: %+v", s)
	}
	w.mu.Lock()
	w.looks++
	w.mu.Unlock()
}
