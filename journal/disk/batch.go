package disk

import (
	"bytes"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"tutti/journal"
)

// ready tells why nothing can be written. The caller holds order.
func (j *Journal) ready() error {
	switch {
	case j.shut:
		return journal.ErrClosed
	case j.store == nil || j.store.fence.closed.Load():
		return journal.ErrUnavailable
	}
	return nil
}

// begin begins a batch with its link of the chain, and with the backends' names in the first.
// last is the highest sequence ever used.
func (j *Journal) begin(b *pebble.Batch, last uint64) {
	j.batch++
	l := link(j.batch, j.store.synced.Load(), last)
	j.scratch.value = l.append(j.scratch.value[:0])
	_ = b.Merge(chainKey, j.scratch.value, nil)
	if j.registered {
		return
	}
	j.registered = true
	j.register(b)
}

// register writes the names of the backends, and forgets those that are gone and owed nothing: each time, for
// a batch that did so before may not have come to disk.
func (j *Journal) register(b *pebble.Batch) {
	for i := range j.index.backends {
		j.writeBackend(b, &j.index.backends[i])
	}
	for _, be := range j.index.clean {
		forgetBackend(b, be)
	}
}

func (j *Journal) writeBackend(b *pebble.Batch, be *backend) {
	j.scratch.value = appendBackend(j.scratch.value[:0], be.number, be.drained, be.held)
	_ = b.Set(nameKey(be.name), j.scratch.value, nil)
}

func nameKey(name string) []byte { return append([]byte{backendKey}, name...) }

// forgetBackend removes everything of a backend.
func forgetBackend(b *pebble.Batch, be backend) {
	_ = b.Delete(nameKey(be.name), nil)
	for _, first := range []byte{doneKey, noteKey} {
		from, to := ofBackend(first, be.number)
		_ = b.DeleteRange(from, to, nil)
	}
}

// applySynced applies a batch that is to be waited for.
func (j *Journal) applySynced(b *pebble.Batch) (*store, error) {
	s := j.store
	var err error
	if j.o.asleep {
		err = s.db.Apply(b, pebble.NoSync)
	} else {
		err = s.db.ApplyNoSyncWait(b, pebble.Sync)
	}
	if err != nil {
		s.fence.close(err)
		return nil, fmt.Errorf("%w: %w", journal.ErrUncertain, err)
	}
	return s, nil
}

// largeBatch is about where Pebble begins to take a batch's memory for its own.
const largeBatch = minMemTableSize / 4

// remember keeps a batch, from before it is applied, until it is known to be on disk. waited:
// somebody else closes it, who may still wait for its sync when that of a later one is there.
func (j *Journal) remember(b *pebble.Batch, waited bool) {
	d := done{number: j.batch, batch: b}
	if waited || b.Len() > largeBatch {
		d.batch, d.repr = nil, bytes.Clone(b.Repr())
	}
	j.redo = append(j.redo, d)
}
