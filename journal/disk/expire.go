package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"tutti/journal"
)

// expireAtOnce is how many records are forgotten in one batch.
const expireAtOnce = 500

// Expire implements journal.Journal.
func (j *Journal) Expire(now int64) (due int64, err error) {
	j.order.Lock()
	if err := j.ready(); err != nil {
		j.order.Unlock()
		return 0, err
	}
	over, stale, due, err := j.dueRecords(now)
	if err != nil || len(over) == 0 && len(stale) == 0 {
		j.order.Unlock()
		return due, err
	}
	b, err := j.records(&journal.Update{Forget: over})
	if err != nil {
		j.order.Unlock()
		return 0, err
	}
	for _, key := range stale {
		_ = b.Delete(key, nil)
	}
	return due, j.apply(b, false)
}

// dueRecords finds which records are over, what says so of some of which it is not true, and when
// the next is due.
func (j *Journal) dueRecords(now int64) (over []uint64, stale [][]byte, due int64, err error) {
	if j.due == math.MaxInt64 {
		return nil, nil, 0, nil
	}
	var k key
	it, err := j.store.db.NewIter(&pebble.IterOptions{LowerBound: k.due(j.due, 0), UpperBound: []byte{dueKey + 1}})
	if err != nil {
		return nil, nil, 0, fmt.Errorf("cannot read the journal: %w", err)
	}
	defer func() { _ = it.Close() }()
	for it.First(); it.Valid(); it.Next() {
		key := it.Key()
		expires, seq := int64(binary.BigEndian.Uint64(key[1:])), binary.BigEndian.Uint64(key[9:])
		is, err := j.expires(seq)
		switch {
		case err != nil:
			return nil, nil, 0, err
		case is != expires:
			stale = append(stale, append([]byte{}, key...))
		case expires > now || len(over)+len(stale) >= expireAtOnce:
			j.due = expires
			return over, stale, expires, nil
		default:
			over = append(over, seq)
		}
	}
	if err := it.Error(); err != nil {
		return nil, nil, 0, fmt.Errorf("cannot read the journal: %w", err)
	}
	j.due = math.MaxInt64
	return over, stale, 0, nil
}

// expires is when the record of a sequence expires; 0: never, or there is none.
func (j *Journal) expires(seq uint64) (int64, error) {
	var k key
	v, closer, err := j.store.db.Get(k.kept(seq))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("cannot read the journal: %w", err)
	}
	defer closer.Close()
	r, err := decodeKept(v, seq)
	if err != nil {
		return 0, fmt.Errorf("the record of write %d is %w", seq, err)
	}
	return r.Expires, nil
}
