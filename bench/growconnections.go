package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// growConnections measures reads with more and more client connections: first idle ones beside those
// that ask, then all of them asking.
func (b *bed) growConnections(g growth) (*curve, error) {
	behind := b.backends[:b.o.backends]
	idleTime, allTime := &line{label: "others idle"}, &line{label: "all asking"}
	idleMemory, allMemory := &line{label: "others idle", fitted: true}, &line{label: "all asking", fitted: true}
	c := &curve{
		file: "connections", title: "More connections", x: "client connections", log: true,
		about: fmt.Sprintf("%s, %s. Once %d connections ask, as fast as they are answered, beside so many that have asked before and are idle; "+
			"once so many all ask. To connect is not counted.", plural(b.o.workers, "worker"), plural(b.o.backends, "backend"), b.o.connections),
		panels: []panel{{"CPU µs per read", []*line{idleTime, allTime}}, {"memory MiB, at most", []*line{idleMemory, allMemory}}},
	}
	for _, n := range g.connections {
		if most := mostFiles() - 1000; n > most {
			c.notes = append(c.notes, fmt.Sprintf("not measured: %s, since a process may open %s files here (ulimit -n)",
				plural(n, "connection"), grouped(mostFiles())))
			continue
		}
		idle := func(s *server, add func(cpu, memory float64)) error { return b.besideIdle(s, n, g, behind, add) }
		all := func(s *server, add func(cpu, memory float64)) error { return b.allAsking(s, n, g, behind, add) }
		for _, way := range []struct {
			measure      func(*server, func(cpu, memory float64)) error
			time, memory *line
		}{{idle, idleTime, idleMemory}, {all, allTime, allMemory}} {
			// A connection that waits for one to a backend is not to be refused.
			s, err := b.startTutti(flavour{workers: b.o.workers, backends: addrs(behind), flags: []string{"--queue-timeout=1m"}})
			if err != nil {
				return nil, err
			}
			err = way.measure(s, func(cpu, memory float64) {
				way.time.add(float64(n), cpu)
				way.memory.add(float64(n), memory)
				b.say("%d connections, %s  %6.1f µs CPU  %.0f MiB", n, way.time.label, cpu, memory)
			})
			s.stop()
			if err != nil {
				return nil, fmt.Errorf("%d connections, %s: %w", n, way.time.label, err)
			}
		}
	}
	return c, nil
}

// besideIdle measures reads while n other connections are idle.
func (b *bed) besideIdle(s *server, n int, g growth, behind []*server, add func(cpu, memory float64)) error {
	if err := b.check(s, reads); err != nil {
		return err
	}
	idle, err := openIdle(s.addr, n)
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	if err != nil {
		return err
	}
	for range g.rounds {
		m, err := b.measure(probe{server: s, work: reads, connections: b.o.connections, duration: eachPoint, backends: behind})
		if err != nil {
			return err
		}
		add(cpu(m), mebibytes(m.peak))
	}
	return nil
}

// openIdle opens n connections and asks once on each. It returns those it opened also with an error.
func openIdle(addr string, n int) ([]net.Conn, error) {
	var all []net.Conn
	in := bufio.NewReader(nil)
	for range n {
		c, err := net.DialTimeout("tcp", addr, 10*time.Second)
		if err != nil {
			return all, fmt.Errorf("cannot connect: %w", err)
		}
		all = append(all, c)
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return all, fmt.Errorf("cannot connect: %w", err)
		}
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", reads.path, addr); err != nil {
			return all, fmt.Errorf("cannot ask: %w", err)
		}
		in.Reset(c)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return all, fmt.Errorf("cannot read an answer: %w", err)
		}
		if resp.Close || resp.StatusCode != reads.status {
			return all, fmt.Errorf("the answer is %s, or the last on its connection", resp.Status)
		}
	}
	return all, nil
}

// allAsking measures reads on n connections from when all of them are there: what it took to connect
// does not count, so neither does wrk's own number of requests.
func (b *bed) allAsking(s *server, n int, g growth, behind []*server, add func(cpu, memory float64)) error {
	if err := b.check(s, reads); err != nil {
		return err
	}
	type result struct {
		load load
		err  error
	}
	ended := make(chan result, 1)
	connecting := time.Second + time.Duration(n)*200*time.Microsecond
	go func() {
		whole := connecting + time.Duration(g.rounds)*eachPoint
		l, err := wrk(b.ctx, b.dir, s.addr, reads, n, whole.Round(time.Second)+time.Second)
		ended <- result{l, err}
	}()
	err := b.pause(connecting)
	for range g.rounds {
		if err == nil {
			err = b.window(s, eachPoint, behind, add)
		}
	}
	r := <-ended
	if err := errors.Join(err, r.err); err != nil {
		return err
	}
	if r.load.errors > 0 {
		b.wrong = append(b.wrong, fmt.Errorf("%s, all asking: %d requests failed, %d were answered", plural(n, "connection"), r.load.errors, r.load.requests))
	}
	return nil
}

// window measures s for d while it is busy.
func (b *bed) window(s *server, d time.Duration, behind []*server, add func(cpu, memory float64)) error {
	before, err := s.usage()
	if err != nil {
		return err
	}
	served, err := b.served(behind)
	if err != nil {
		return err
	}
	if err := b.pause(d); err != nil {
		return err
	}
	after, err := s.usage()
	if err != nil {
		return err
	}
	now, err := b.served(behind)
	if err != nil {
		return err
	}
	if now == served {
		return errors.New("nothing was answered")
	}
	add(micros(after.cpu-before.cpu)/float64(now-served), mebibytes(after.peak))
	return nil
}

// pause waits.
func (b *bed) pause(d time.Duration) error {
	select {
	case <-b.ctx.Done():
		return b.ctx.Err()
	case <-time.After(d):
		return nil
	}
}
