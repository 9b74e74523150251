package memory

import (
	"maps"
	"slices"

	"tutti/journal"
)

// content is what a journal holds. Entries and records are not changed once they are in one.
type content struct {
	entries  map[uint64]*journal.Entry
	backends map[string]*backend
	kept     map[uint64]journal.Kept
	scoped   map[journal.Scope]uint64
	secret   [16]byte
	last     uint64
	history  bool
	bytes    int64
}

type backend struct {
	done          map[uint64]journal.Bits // by block
	notes         map[uint64]journal.Note
	drained, held bool
}

func newContent() *content {
	return &content{
		entries:  map[uint64]*journal.Entry{},
		backends: map[string]*backend{},
		kept:     map[uint64]journal.Kept{},
		scoped:   map[journal.Scope]uint64{},
	}
}

func newBackend() *backend {
	return &backend{done: map[uint64]journal.Bits{}, notes: map[uint64]journal.Note{}}
}

func (c *content) clone() *content {
	n := *c
	n.entries, n.kept, n.scoped = maps.Clone(c.entries), maps.Clone(c.kept), maps.Clone(c.scoped)
	n.backends = make(map[string]*backend, len(c.backends))
	for name, b := range c.backends {
		n.backends[name] = &backend{maps.Clone(b.done), maps.Clone(b.notes), b.drained, b.held}
	}
	return &n
}

// register makes the backends of names known, and forgets others that are owed nothing.
func (c *content) register(names []string) {
	for name, b := range c.backends {
		if !slices.Contains(names, name) && c.owed(b) == 0 {
			delete(c.backends, name)
		}
	}
	for _, name := range names {
		if c.backends[name] == nil {
			c.backends[name] = newBackend()
		}
	}
}

// owed is how many entries b has not got.
func (c *content) owed(b *backend) (n int) {
	for seq := range c.entries {
		if !b.has(seq) {
			n++
		}
	}
	return n
}

func (b *backend) has(seq uint64) bool {
	bits := b.done[journal.Block(seq)]
	return bits[seq%journal.BlockSize/64]&(1<<(seq%64)) != 0
}

func (c *content) append(e *journal.Entry) {
	c.entries[e.Seq] = e
	c.bytes += size(e)
	c.last = max(c.last, e.Seq)
	c.history = true
	if e.Scope != (journal.Scope{}) {
		c.scoped[e.Scope] = e.Seq
	}
}

func (c *content) settle(seq uint64) {
	e := c.entries[seq]
	if e == nil {
		return
	}
	delete(c.entries, seq)
	c.bytes -= size(e)
	for _, b := range c.backends {
		delete(b.notes, seq)
	}
	c.unscope(e.Scope, seq)
}

func (c *content) keep(k journal.Kept) {
	c.forget(k.Seq, false)
	c.kept[k.Seq] = k
	c.bytes += int64(len(k.Data))
	if k.Scope != (journal.Scope{}) && c.scoped[k.Scope] < k.Seq {
		c.scoped[k.Scope] = k.Seq
	}
}

func (c *content) forget(seq uint64, unscope bool) {
	k, ok := c.kept[seq]
	if !ok {
		return
	}
	delete(c.kept, seq)
	c.bytes -= int64(len(k.Data))
	if unscope {
		c.unscope(k.Scope, seq)
	}
}

// unscope forgets what a client's key stands for, if neither the entry nor the record is left.
func (c *content) unscope(scope journal.Scope, seq uint64) {
	_, kept := c.kept[seq]
	if c.entries[seq] == nil && !kept && c.scoped[scope] == seq {
		delete(c.scoped, scope)
	}
}

func (c *content) update(names []string, u *journal.Update) {
	for _, d := range u.Done {
		c.backends[names[d.Backend]].done[d.Block] = d.Bits
	}
	for _, n := range u.Notes {
		notes := c.backends[names[n.Backend]].notes
		switch {
		case c.entries[n.Seq] == nil:
		case n.Note == journal.Note{}:
			delete(notes, n.Seq)
		default:
			notes[n.Seq] = n.Note
		}
	}
	for _, k := range u.Kept {
		c.keep(k)
	}
	for _, seq := range u.Settled {
		c.settle(seq)
	}
	for _, seq := range u.Forget {
		c.forget(seq, true)
	}
	for _, f := range u.Flags {
		b := c.backends[names[f.Backend]]
		b.drained, b.held = f.Drained, f.Held
	}
}

// size is what an entry counts for.
func size(e *journal.Entry) int64 {
	return int64(len(e.Method) + len(e.Target) + len(e.Request) + 100)
}
