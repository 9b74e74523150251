package main

import (
	"slices"
	"time"
)

// setting is what differs between comparisons of the same work.
type setting struct {
	workers     int // worker processes, threads or GOMAXPROCS of each proxy
	connections int // of the client
}

// peer starts a proxy with so many workers.
type peer func(b *bed, workers int) (*server, error)

// comparison is one kind of work done by Tutti and by its peers, in turn.
type comparison struct {
	work
	setting
	peers    []peer        // the first is Tutti
	duration time.Duration // of a round
}

var (
	tutti     peer = func(b *bed, workers int) (*server, error) { return b.startTutti(flavour{workers: workers}) }
	haproxy   peer = func(b *bed, workers int) (*server, error) { return b.startHAProxy("http", workers) }
	bytesOnly peer = func(b *bed, workers int) (*server, error) { return b.startHAProxy("tcp", workers) }

	readers = []peer{tutti, (*bed).startNginx, haproxy, bytesOnly, (*bed).startReverseProxy}
	writers = []peer{tutti, (*bed).startLua, (*bed).startAiohttp}
)

// plan is what a run measures.
type plan struct {
	comparisons []comparison
	watched     []work
	syscalls    []comparison
	journal     bool
	growth      bool
}

func (o options) plan() plan {
	now := setting{o.workers, o.connections}
	var p plan
	for _, c := range []comparison{{reads, now, readers, o.duration}, {writes, now, writers, o.duration}} {
		if o.only == "" || o.only == c.name {
			p.comparisons = append(p.comparisons, c)
			p.watched = append(p.watched, c.work)
		}
	}
	if o.only == large.name {
		p.comparisons = []comparison{{large, now, readers, o.duration}}
	}
	switch {
	case o.all:
		return plan{
			comparisons: o.everySetting(),
			watched:     p.watched,
			syscalls:    []comparison{{reads, now, readers[:3], o.duration}, {writes, now, writers[:2], o.duration}},
			journal:     true,
			growth:      true,
		}
	case o.strace:
		return plan{syscalls: p.comparisons}
	case o.journal:
		return plan{journal: true}
	case o.growth:
		return plan{growth: true}
	}
	return p
}

// everySetting is reads and writes with one worker and with two, under load and from one connection,
// and large answers. Peers that are there for a floor or a ceiling are not measured in each, and one
// connection is always the same within a second.
func (o options) everySetting() []comparison {
	var all []comparison
	for _, workers := range slices.Compact([]int{o.workers, 2}) {
		readers, writers := readers, writers
		if workers > o.workers {
			readers, writers = readers[:3], writers[:2] // aiohttp is one process, whatever it is told
		}
		all = append(all,
			comparison{reads, setting{workers, o.connections}, readers, o.duration},
			comparison{writes, setting{workers, o.connections}, writers, o.duration})
	}
	for _, workers := range slices.Compact([]int{o.workers, 2}) {
		all = append(all,
			comparison{reads, setting{workers, 1}, readers[:3], time.Second},
			comparison{writes, setting{workers, 1}, writers[:2], time.Second})
	}
	for _, workers := range slices.Compact([]int{o.workers, 2}) {
		all = append(all, comparison{large, setting{workers, o.connections}, readers[:2], o.duration})
	}
	return all
}
