package disk

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"tutti/journal"
)

// addRecords adds what an update keeps and forgets.
func (j *Journal) addRecords(b *pebble.Batch, u *journal.Update) error {
	for i := range u.Kept {
		if err := j.addKept(b, &u.Kept[i]); err != nil {
			return err
		}
	}
	for _, seq := range u.Settled {
		if err := j.unscope(b, seq); err != nil {
			return err
		}
	}
	for _, seq := range u.Forget {
		left := j.index.has(seq) && !slices.Contains(u.Settled, seq)
		if err := j.forget(b, seq, left); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) addKept(b *pebble.Batch, r *journal.Kept) error {
	var k key
	j.scratch.value = appendKept(j.scratch.value[:0], r)
	_ = b.Set(k.kept(r.Seq), j.scratch.value, nil)
	if r.Expires > 0 {
		_ = b.Set(k.due(r.Expires, r.Seq), nil, nil)
		j.due = min(j.due, r.Expires)
	}
	if r.Scope == (journal.Scope{}) {
		return nil
	}
	// A later write may have been accepted under the key.
	seq, found, err := j.scoped(b, r.Scope)
	if err == nil && (!found || seq < r.Seq) {
		_ = b.Set(k.scope(r.Scope), appendSeq(j.scratch.value[:0], r.Seq), nil)
	}
	return err
}

// unscope has a client's key find nothing, if it finds an entry that is settled without a record.
func (j *Journal) unscope(b *pebble.Batch, seq uint64) error {
	block := j.index.blocks[journal.Block(seq)]
	if block == nil || !block.has(seq) || !has(block.scoped, seq) {
		return nil
	}
	var k key
	r, err := j.value(b, k.kept(seq))
	if r != nil || err != nil {
		return err
	}
	e, err := j.value(b, k.entry(seq))
	if err != nil {
		return err
	}
	return j.removeScope(b, entryScopeOf(e), seq)
}

// forget removes a record, if there is one; left says that its entry is still there.
func (j *Journal) forget(b *pebble.Batch, seq uint64, left bool) error {
	var k key
	v, err := j.value(b, k.kept(seq))
	if v == nil || err != nil {
		return err
	}
	r, err := decodeKept(v, seq)
	if err != nil {
		return fmt.Errorf("the record of write %d is %w", seq, err)
	}
	_ = b.Delete(k.kept(seq), nil)
	if r.Expires > 0 {
		_ = b.Delete(k.due(r.Expires, seq), nil)
	}
	if left || r.Scope == (journal.Scope{}) {
		return nil
	}
	return j.removeScope(b, r.Scope, seq)
}

// removeScope has a client's key find nothing, if it finds seq.
func (j *Journal) removeScope(b *pebble.Batch, s journal.Scope, seq uint64) error {
	at, found, err := j.scoped(b, s)
	if err == nil && found && at == seq {
		var k key
		_ = b.Delete(k.scope(s), nil)
	}
	return err
}

func (j *Journal) scoped(b *pebble.Batch, s journal.Scope) (seq uint64, found bool, err error) {
	var k key
	v, err := j.value(b, k.scope(s))
	if v == nil || err != nil {
		return 0, false, err
	}
	seq, err = decodeSeq(v)
	return seq, err == nil, err
}

// value reads what is there, or will be with the batch if that is indexed; nil: nothing.
func (j *Journal) value(b *pebble.Batch, key []byte) ([]byte, error) {
	get := j.store.db.Get
	if b.Indexed() {
		get = b.Get
	}
	v, closer, err := get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the journal: %w", err)
	}
	defer closer.Close()
	return append([]byte{}, v...), nil
}
