package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// evidence is a small file beside the store that says how far the store went, once. The store can't
// know that the last of its logs is missing, or the last lines of its manifest; this can.
//
// It has two slots, written in turn: a mark, a batch that was on disk, and a checksum.
type evidence struct {
	mark
	reached uint64
	file    vfs.File
	next    int // slot
}

const (
	slotSize  = 4096 // apart, so that one write harms one
	slotBytes = 8 + 8 + 8 + 4
)

// newEvidence makes the file, which says nothing yet.
func newEvidence(fs vfs.FS, name string) (*evidence, error) {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("cannot make it: %w", err)
	}
	b := make([]byte, 2*slotSize)
	copy(b, slot(mark{}, 0))
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("cannot make it: %w", err)
	}
	return openEvidence(fs, name)
}

func openEvidence(fs vfs.FS, name string) (*evidence, error) {
	// OpenReadWrite would make it.
	if _, err := fs.Stat(name); err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("cannot open it: %w", err)
	}
	e := &evidence{file: f}
	b := make([]byte, 2*slotSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(fmt.Errorf("cannot read %s: %w", name, err), f.Close())
	}
	if !e.decode(b[:n]) {
		return nil, errors.Join(fmt.Errorf("damaged: both parts of %s are, at offsets 0 and %d", name, slotSize), f.Close())
	}
	return e, nil
}

func slot(m mark, reached uint64) []byte {
	var b []byte
	for _, n := range []uint64{m.log, m.batch, reached} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func (e *evidence) decode(b []byte) (found bool) {
	for i := range 2 {
		at := i * slotSize
		if len(b) < at+slotBytes {
			break
		}
		p := b[at : at+slotBytes]
		m, reached := mark{binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:])}, binary.BigEndian.Uint64(p[16:])
		if !slices.Equal(p, slot(m, reached)) || found && (m.log < e.log || reached < e.reached) {
			continue
		}
		e.mark, e.reached, e.next, found = m, reached, 1-i, true
	}
	return found
}

// note notes a mark and a batch that is on disk. What can't be noted is less evidence.
func (e *evidence) note(m mark, reached uint64) {
	if m == e.mark && reached == e.reached {
		return
	}
	if _, err := e.file.WriteAt(slot(m, reached), int64(e.next)*slotSize); err != nil {
		return
	}
	if err := e.file.SyncData(); err != nil {
		return
	}
	e.mark, e.reached, e.next = m, reached, 1-e.next
}

func (e *evidence) close() error { return e.file.Close() }
