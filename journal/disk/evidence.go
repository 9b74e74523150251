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
// It has two slots, written in turn: the number of a log, a batch that was on disk when it was
// written, and a checksum.
type evidence struct {
	file  vfs.File
	log   uint64
	batch uint64
	next  int // slot
}

const (
	slotSize  = 4096 // apart, so that one write harms one
	slotBytes = 8 + 8 + 4
)

// newEvidence makes the file, which says nothing yet.
func newEvidence(fs vfs.FS, name string) (*evidence, error) {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("cannot make it: %w", err)
	}
	b := make([]byte, 2*slotSize)
	copy(b, slot(0, 0))
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

func slot(log, batch uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, log)
	b = binary.BigEndian.AppendUint64(b, batch)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func (e *evidence) decode(b []byte) (found bool) {
	for i := range 2 {
		at := i * slotSize
		if len(b) < at+slotBytes {
			break
		}
		p := b[at : at+slotBytes]
		log, batch := binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:])
		if !slices.Equal(p, slot(log, batch)) || found && batch < e.batch {
			continue
		}
		e.log, e.batch, e.next, found = log, batch, 1-i, true
	}
	return found
}

// note notes that a batch is on disk and which log is written. What can't be noted is less evidence.
func (e *evidence) note(log, batch uint64) {
	if log == e.log {
		return
	}
	if _, err := e.file.WriteAt(slot(log, batch), int64(e.next)*slotSize); err != nil {
		return
	}
	if err := e.file.SyncData(); err != nil {
		return
	}
	e.log, e.batch, e.next = log, batch, 1-e.next
}

func (e *evidence) close() error { return e.file.Close() }
