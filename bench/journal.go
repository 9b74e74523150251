package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// durable is Tutti's writes in memory and in a journal, with so many connections.
type durable struct {
	connections        int
	memory, journal    []sample        // by round
	appends, fdatasync []time.Duration // by round: the journal's mean, and the disk's median
}

// durable compares the two in the same rounds, since a shared disk is not the same for long.
func (b *bed) durable(connections int) (*durable, error) {
	d := &durable{connections: connections}
	dir, err := os.MkdirTemp(b.dir, "journal-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	memory, err := b.startTutti(flavour{label: "memory", workers: b.o.workers})
	if err != nil {
		return nil, err
	}
	defer memory.stop()
	journal, err := b.startTutti(flavour{
		label: "journal", workers: b.o.workers, flags: []string{"--journal=" + filepath.Join(dir, "j")},
	})
	if err != nil {
		return nil, err
	}
	defer journal.stop()
	for _, s := range []*server{memory, journal} {
		if err := b.warm(s, writes, d.connections); err != nil {
			return nil, err
		}
	}
	for round := range b.o.rounds {
		if err := b.durableRound(d, round, memory, journal, dir); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (b *bed) durableRound(d *durable, round int, memory, journal *server, dir string) error {
	m, err := b.measure(d.probe(b, memory))
	if err != nil {
		return err
	}
	before, err := b.appends(journal)
	if err != nil {
		return err
	}
	j, err := b.measure(d.probe(b, journal))
	if err != nil {
		return err
	}
	after, err := b.appends(journal)
	if err != nil {
		return err
	}
	synced, err := medianSync(dir)
	if err != nil {
		return err
	}
	if after.count == before.count {
		return errors.New("no write was journaled")
	}
	d.memory, d.journal = append(d.memory, m), append(d.journal, j)
	d.appends = append(d.appends, time.Duration(float64(time.Second)*(after.seconds-before.seconds)/(after.count-before.count)))
	d.fdatasync = append(d.fdatasync, synced)
	b.say("journal, %d connections, round %d/%d  memory %7.0f/s %6.1f µs CPU  journal %7.0f/s %6.1f µs CPU",
		d.connections, round+1, b.o.rounds, m.requestsPerSec, cpu(m), j.requestsPerSec, cpu(j))
	return nil
}

func (d *durable) probe(b *bed, s *server) probe {
	return probe{server: s, work: writes, connections: d.connections, duration: b.o.duration}
}

// appended is what Tutti says of its journal's appends so far.
type appended struct{ seconds, count float64 }

func (b *bed) appends(s *server) (appended, error) {
	const name = "tutti_journal_append_duration_seconds_"
	v, err := b.scrape(s, name+"sum", name+"count")
	if err != nil {
		return appended{}, err
	}
	return appended{v[0], v[1]}, nil
}

// medianSync is how long it takes the disk that dir is on to take half a kilobyte.
func medianSync(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, fmt.Errorf("cannot make a file: %w", err)
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	var took []time.Duration
	for begun := time.Now(); time.Since(begun) < time.Second/2; {
		from := time.Now()
		if _, err := f.Write(make([]byte, 512)); err != nil {
			return 0, fmt.Errorf("cannot write: %w", err)
		}
		if err := syncData(f); err != nil {
			return 0, fmt.Errorf("cannot sync: %w", err)
		}
		took = append(took, time.Since(from))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
