package fanout

import "context"

// maxAbandoned is how many given up writes Close names.
const maxAbandoned = 1000

// Abandoned is a write that Close gave up.
type Abandoned struct {
	ID       string
	Backends []string // "host:port" of those that have not got it
}

// Drain returns when no write is pending, but for what held backends are owed (with a journal: when
// no client waits for one), or ctx is done (then ctx.Err()). Once ctx is done,
// however Drain returned, clients that still wait for --ack are told 502 (202 with a journal) with each
// backend's state, and further writes are refused with 503. So call it while the front drains, too,
// since clients wait for it, and once more after, for what was accepted last; and give the
// front a moment longer than ctx to get those answers out.
func (f *Fanout) Drain(ctx context.Context) error {
	context.AfterFunc(ctx, f.end)
	for {
		f.mu.Lock()
		f.ledger.draining = true
		idle := f.idleLocked()
		f.mu.Unlock()
		if idle {
			poke(f.quiet) // for another Drain
			return nil
		}
		select {
		case <-f.quiet:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end has clients wait no longer and refuses further writes.
func (f *Fanout) end() {
	f.mu.Lock()
	f.refusing = true
	f.mu.Unlock()
	f.endOnce.Do(func() { close(f.ended) })
}

// stopping is the verdict for who waits until the end.
func (f *Fanout) stopping() verdict {
	if f.o.Journal != nil {
		return late // it goes on when we are back
	}
	return stopped
}

// Close cuts every sending, waits for every goroutine, and tells what is given up: the
// first thousand, in the order they were accepted, and how many there are. The front must
// not call Serve any more.
func (f *Fanout) Close() (first []Abandoned, total int) {
	f.end()
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, 0
	}
	f.closed = true
	legs := make([]*leg, 0, len(f.live))
	for l := range f.live {
		legs = append(legs, l)
	}
	f.mu.Unlock()
	f.cutting.Store(true)
	for _, l := range legs {
		l.abandon()
	}
	close(f.quit)
	f.running.Wait()
	if f.o.Journal != nil {
		f.tellJournal()
		return nil, 0 // nothing is given up
	}
	return f.abandoned()
}

// abandoned lists what is owed or parked when nothing runs any more.
func (f *Fanout) abandoned() (first []Abandoned, total int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := f.ledger.first; w != nil; w = w.next {
		if w.class == classSettled {
			continue
		}
		total++
		if total > maxAbandoned {
			continue
		}
		a := Abandoned{ID: w.idString()}
		for i := range w.deliveries {
			if d := &w.deliveries[i]; !d.state.done() {
				a.Backends = append(a.Backends, d.to.b.Name())
			}
		}
		first = append(first, a)
	}
	return first, total
}
