package memory

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"tutti/journal"
)

// Journal is a journal.Journal that lies in a Store.
type Journal struct {
	store  *Store // its lock is the journal's
	names  []string
	now    *content // what is on disk and what is pending
	known  bool     // the store knows the names
	closed bool
}

var _ journal.Journal = (*Journal)(nil)

// State implements journal.Journal.
func (j *Journal) State() (*journal.State, error) {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	if err := j.ready(); err != nil {
		return nil, err
	}
	c := j.now
	s := &journal.State{History: c.history, Last: c.last, Secret: c.secret}
	for seq := range c.entries {
		s.Live.Add(seq)
	}
	for i, name := range j.names {
		b, known := c.backends[name]
		if !known {
			b = newBackend()
		}
		s.Backends = append(s.Backends, c.backend(name, b))
		s.Backends[i].New = !known
		for _, seq := range slices.Sorted(maps.Keys(b.notes)) {
			s.Notes = append(s.Notes, journal.Noted{Backend: i, Seq: seq, Note: b.notes[seq]})
		}
	}
	for name, b := range c.backends {
		if slices.Contains(j.names, name) {
			continue
		}
		if g := c.gone(name, b); g.Owed > 0 {
			s.Gone = append(s.Gone, g)
		}
	}
	slices.SortFunc(s.Gone, func(a, b journal.Gone) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}

func (c *content) backend(name string, b *backend) journal.Backend {
	r := journal.Backend{Name: name, Drained: b.drained, Held: b.held}
	for seq := range c.entries {
		if b.has(seq) {
			r.Done.Add(seq)
		}
	}
	return r
}

func (c *content) gone(name string, b *backend) journal.Gone {
	g := journal.Gone{Name: name, Owed: c.owed(b)}
	for seq, n := range b.notes {
		if n.State == journal.NoteParked && !b.has(seq) {
			g.Parked++
		}
	}
	return g
}

// Append implements journal.Journal.
func (j *Journal) Append(e *journal.Entry) error {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	own := clone(e)
	add := func(c *content) { c.append(own) }
	if err := j.failing(add, func(c *content) { c.last = max(c.last, own.Seq) }); err != nil {
		return err
	}
	if room := j.store.MaxSize; room > 0 && j.now.bytes+size(own) > room {
		return journal.ErrFull
	}
	j.do(add)
	j.store.sync()
	return nil
}

// Update implements journal.Journal.
func (j *Journal) Update(u *journal.Update) error {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	own := cloneUpdate(u)
	do := func(c *content) { c.update(j.names, own) }
	if err := j.failing(do, func(*content) {}); err != nil && !errors.Is(err, journal.ErrFull) {
		return err
	}
	j.do(do)
	if u.Sync {
		j.store.sync()
	}
	return nil
}

// failing tells what refuses something. Uncertain, it may still come to disk.
func (j *Journal) failing(do, voided func(*content)) error {
	if err := j.ready(); err != nil {
		return err
	}
	fault := j.store.fault
	if errors.Is(fault, journal.ErrUncertain) {
		j.store.pending = append(j.store.pending, op{time.Now(), j.registering(do), voided})
		voided(j.now)
	}
	return fault
}

// do does something, durable from the next sync on.
func (j *Journal) do(do func(*content)) {
	if !j.known {
		do = j.registering(do)
		j.known = true
	}
	do(j.now)
	j.store.ticked()
	j.store.pending = append(j.store.pending, op{at: time.Now(), do: do})
}

func (j *Journal) registering(do func(*content)) func(*content) {
	return func(c *content) {
		c.register(j.names)
		do(c)
	}
}

// Read implements journal.Journal.
func (j *Journal) Read(seq uint64, e *journal.Entry) error {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	have := j.now.entries[seq]
	if err := j.found(have != nil); err != nil {
		return err
	}
	method, target, request := e.Method[:0], e.Target[:0], e.Request[:0]
	*e = *have
	e.Method = append(method, have.Method...)
	e.Target = append(target, have.Target...)
	e.Request = append(request, have.Request...)
	return nil
}

// Note implements journal.Journal.
func (j *Journal) Note(backend int, seq uint64) (journal.Note, error) {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	if err := j.found(j.now.entries[seq] != nil); err != nil {
		return journal.Note{}, err
	}
	b := j.now.backends[j.names[backend]]
	if b == nil {
		return journal.Note{}, nil
	}
	return b.notes[seq], nil
}

// Kept implements journal.Journal.
func (j *Journal) Kept(seq uint64) (journal.Kept, error) {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	k, ok := j.now.kept[seq]
	if err := j.found(ok); err != nil {
		return journal.Kept{}, err
	}
	k.Data = slices.Clone(k.Data)
	return k, nil
}

// Scoped implements journal.Journal.
func (j *Journal) Scoped(scope journal.Scope) (uint64, error) {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	seq, ok := j.now.scoped[scope]
	if err := j.found(ok); err != nil {
		return 0, err
	}
	return seq, nil
}

// Expire implements journal.Journal.
func (j *Journal) Expire(now int64) (due int64, err error) {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	if err := j.ready(); err != nil {
		return 0, err
	}
	var over []uint64
	for seq, k := range j.now.kept {
		switch {
		case k.Expires == 0:
		case k.Expires <= now:
			over = append(over, seq)
		case due == 0 || k.Expires < due:
			due = k.Expires
		}
	}
	if len(over) > 0 {
		j.do(func(c *content) {
			for _, seq := range over {
				c.forget(seq, true)
			}
		})
	}
	return due, nil
}

// Size implements journal.Journal.
func (j *Journal) Size() int64 {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	return j.now.bytes
}

// Close implements journal.Journal.
func (j *Journal) Close() error {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	j.store.open = nil
	j.store.sync()
	return nil
}

// ready tells why nothing can be done.
func (j *Journal) ready() error {
	switch {
	case j.closed:
		return journal.ErrClosed
	case errors.Is(j.store.fault, journal.ErrUnavailable):
		return journal.ErrUnavailable
	}
	return nil
}

func (j *Journal) found(found bool) error {
	if err := j.ready(); err != nil {
		return err
	}
	if !found {
		return journal.ErrNotFound
	}
	return nil
}

func clone(e *journal.Entry) *journal.Entry {
	n := *e
	n.Method, n.Target, n.Request = slices.Clone(e.Method), slices.Clone(e.Target), slices.Clone(e.Request)
	return &n
}

func cloneUpdate(u *journal.Update) *journal.Update {
	n := &journal.Update{
		Done: slices.Clone(u.Done), Notes: slices.Clone(u.Notes), Settled: slices.Clone(u.Settled),
		Kept: slices.Clone(u.Kept), Forget: slices.Clone(u.Forget), Flags: slices.Clone(u.Flags),
	}
	for i := range n.Kept {
		n.Kept[i].Data = slices.Clone(n.Kept[i].Data)
	}
	return n
}
