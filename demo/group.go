package demo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Group is the servers started together. Close it.
type Group struct {
	servers []*Server
	log     *lineLog
}

// Start starts o.Count servers. When it fails, none is left running.
func Start(o Options) (*Group, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	g := &Group{}
	if o.Log != nil {
		g.log = newLineLog(o.Log)
	}
	for i := range o.Count {
		s := newServer(name(&o, i), o.Latency, g.log)
		s.state.ordered = o.Ordered
		if i >= o.Count-o.Flaky && o.FailRate > 0 {
			s.flaky = newDropper(o.FailRate, rand.New(rand.NewPCG(o.Seed, uint64(i))))
		}
		address, err := next(o.Listen, i)
		if err == nil {
			err = s.listen(address)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cannot start demo backend %s: %w", s.name, err), g.Close())
		}
		g.servers = append(g.servers, s)
	}
	return g, nil
}

func name(o *Options, i int) string {
	if i < len(o.Names) && o.Names[i] != "" {
		return o.Names[i]
	}
	return "server" + strconv.Itoa(i+1)
}

// next is the address i ports after listen; port 0 stays 0.
func next(listen string, i int) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", fmt.Errorf("cannot read port %q: %w", port, err)
	}
	if n == 0 {
		return listen, nil
	}
	if n += uint64(i); n > 65535 {
		return "", fmt.Errorf("there is no port %d", n)
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

// Servers are the group's, in order. Do not change the slice.
func (g *Group) Servers() []*Server { return g.servers }

// Addrs are where the servers can be reached from this machine, "host:port", in order.
func (g *Group) Addrs() []string {
	addrs := make([]string, len(g.servers))
	for i, s := range g.servers {
		addrs[i] = s.Addr()
	}
	return addrs
}

// Close stops all servers: requests being answered have a second, then connections are cut.
// It returns when no goroutine is left and every log line is written; the error is the log's.
func (g *Group) Close() error {
	var wg sync.WaitGroup
	for _, s := range g.servers {
		wg.Go(s.Stop)
	}
	wg.Wait()
	if g.log == nil {
		return nil
	}
	return g.log.close()
}
