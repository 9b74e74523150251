package disk

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"tutti/journal"
)

// load reads what is held in memory, and what State tells.
func (j *Journal) load() error {
	s := &journal.State{Last: j.store.chain.seq}
	secret, err := j.value(j.store.db.NewBatch(), secretKey)
	if err != nil || len(secret) != len(s.Secret) {
		return fmt.Errorf("cannot read its secret (%d bytes, %w)", len(secret), orGarbled(err))
	}
	copy(s.Secret[:], secret)
	if err := j.loadBlocks(s); err != nil {
		return err
	}
	s.History = s.Last > 0 || s.Live.Len() > 0
	j.index.last, j.due = s.Last, 0
	known, err := j.loadBackends()
	if err != nil {
		return err
	}
	if known, err = j.forgetBackends(known); err != nil {
		return err
	}
	if err := j.place(s, known); err != nil {
		return err
	}
	j.state.Store(s)
	return nil
}

func orGarbled(err error) error {
	if err != nil {
		return err
	}
	return errGarbled
}

// scan calls read for everything under a prefix, with what follows it in the key.
func (j *Journal) scan(from, to []byte, read func(key, value []byte) error) error {
	it, err := j.store.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return fmt.Errorf("cannot read it: %w", err)
	}
	for it.First(); it.Valid(); it.Next() {
		if err := read(it.Key()[len(from):], it.Value()); err != nil {
			_ = it.Close()
			return fmt.Errorf("what is under %q is %w", it.Key(), err)
		}
	}
	if err := it.Close(); err != nil {
		return fmt.Errorf("cannot read it: %w", err)
	}
	return nil
}

func (j *Journal) loadBlocks(s *journal.State) error {
	from, to := all(liveKey)
	return j.scan(from, to, func(key, value []byte) error {
		if len(key) != 8 {
			return errGarbled
		}
		block, err := decodeBlock(value)
		if err != nil {
			return err
		}
		no := binary.BigEndian.Uint64(key)
		s.Live.SetBits(no, &block.live)
		j.index.blocks[no] = block
		j.index.live += block.nlive
		if block.ndead > 0 || block.nlive == 0 {
			j.index.untidy[no] = struct{}{}
		}
		return nil
	})
}

func (j *Journal) loadBackends() (known []backend, err error) {
	from, to := all(backendKey)
	err = j.scan(from, to, func(key, value []byte) error {
		number, drained, held, err := decodeBackend(value)
		known = append(known, backend{name: string(key), number: number, drained: drained, held: held})
		return err
	})
	return known, err
}

// forgetBackends removes those that are to be forgotten, and returns the others.
func (j *Journal) forgetBackends(known []backend) ([]backend, error) {
	forgotten := func(be backend) bool { return slices.Contains(j.o.Forget, be.name) }
	if !slices.ContainsFunc(known, forgotten) {
		return known, nil
	}
	j.registered = true // not with this
	b := j.store.db.NewBatch()
	j.begin(b, j.index.last)
	j.registered = false
	for _, be := range known {
		if forgotten(be) {
			forgetBackend(b, be)
		}
	}
	number := j.batch
	s, err := j.applySynced(b)
	if err != nil {
		return nil, err
	}
	if !j.wait(s, b, number) {
		return nil, s.fence.cause()
	}
	return slices.DeleteFunc(known, forgotten), nil
}

// place puts what is known of backends where it belongs: to those there are, or to those that are gone.
func (j *Journal) place(s *journal.State, known []backend) error {
	free := uint16(0)
	for _, be := range known {
		free = max(free, be.number+1)
	}
	if int(free)+len(j.o.Backends) >= math.MaxUint16 {
		return fmt.Errorf("it has numbered %d backends already", free)
	}
	for i, name := range j.o.Backends {
		at := slices.IndexFunc(known, func(be backend) bool { return be.name == name })
		if at < 0 {
			j.index.backends = append(j.index.backends, backend{name: name, number: free})
			s.Backends = append(s.Backends, journal.Backend{Name: name, New: true})
			free++
			continue
		}
		be := known[at]
		j.index.backends = append(j.index.backends, be)
		done, err := j.loadDone(be.number, &s.Live)
		if err != nil {
			return err
		}
		s.Backends = append(s.Backends, journal.Backend{Name: name, Done: done, Drained: be.drained, Held: be.held})
		err = j.loadNotes(be.number, func(seq uint64, n journal.Note) {
			s.Notes = append(s.Notes, journal.Noted{Backend: i, Seq: seq, Note: n})
		})
		if err != nil {
			return err
		}
	}
	known = slices.DeleteFunc(known, func(be backend) bool { return slices.Contains(j.o.Backends, be.name) })
	return j.placeGone(s, known)
}

func (j *Journal) placeGone(s *journal.State, gone []backend) error {
	for _, be := range gone {
		done, err := j.loadDone(be.number, &s.Live)
		if err != nil {
			return err
		}
		g := journal.Gone{Name: be.name, Owed: s.Live.Len() - done.Len()}
		if g.Owed == 0 {
			j.index.clean = append(j.index.clean, be)
			continue
		}
		j.index.gone = append(j.index.gone, be)
		err = j.loadNotes(be.number, func(seq uint64, n journal.Note) {
			if n.State == journal.NoteParked && !done.Has(seq) {
				g.Parked++
			}
		})
		if err != nil {
			return err
		}
		s.Gone = append(s.Gone, g)
	}
	return nil
}

func (j *Journal) loadDone(number uint16, live *journal.Set) (done journal.Set, err error) {
	from, to := ofBackend(doneKey, number)
	err = j.scan(from, to, func(key, value []byte) error {
		if len(key) != 8 {
			return errGarbled
		}
		var bits journal.Bits
		if _, err := decodeBits(value, &bits); err != nil {
			return err
		}
		done.SetBits(binary.BigEndian.Uint64(key), &bits)
		return nil
	})
	done.Intersect(live)
	return done, err
}

// loadNotes reads what is noted of the deliveries to a backend.
func (j *Journal) loadNotes(number uint16, read func(seq uint64, n journal.Note)) error {
	from, to := ofBackend(noteKey, number)
	return j.scan(from, to, func(key, value []byte) error {
		seq, err := decodeSeq(key)
		if err != nil {
			return err
		}
		n, err := decodeNote(value)
		if err != nil {
			return err
		}
		j.index.setNote(number, seq, true)
		read(seq, n)
		return nil
	})
}
