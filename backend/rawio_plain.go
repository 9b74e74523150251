//go:build !linux || !(amd64 || arm64) || tutti_plain

package backend

import (
	"errors"
	"os"
	"syscall"
)

// ioState without tricks: net.Conn's own Read and Write, and a look before the first Write.
type ioState struct {
	raw syscall.RawConn
}

// piece is written at once, so that a long body's every pause is measured.
const piece = 64 << 10

// bind readies what look needs.
func (c *Conn) bind() error {
	raw, err := c.nc.SyscallConn()
	c.io.raw = raw
	return err
}

// recvSome receives at least a byte into p. pauses: the wait counts as a pause in a body.
func (c *Conn) recvSome(p []byte, pauses bool) (int, error) {
	if pauses {
		c.armReading()
	}
	return c.nc.Read(p)
}

// sendAll sends p, looking first whether the connection is still open if look is set.
func (c *Conn) sendAll(p []byte, look bool) (int, error) {
	if look && !quiet(c.io.raw) {
		return 0, ErrStaleUnsent
	}
	sent := 0
	for sent < len(p) {
		c.armSending()
		n, err := c.nc.Write(p[sent:min(len(p), sent+piece)])
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// sendRecv sends out and then receives at least a byte into in. What is too long to be sure of
// not blocking is left unsent, with no error.
func (c *Conn) sendRecv(out, in []byte, look bool) (sent, n int, sendErr, recvErr error) {
	if look && !quiet(c.io.raw) {
		return 0, 0, ErrStaleUnsent, nil
	}
	if len(out) > piece {
		return 0, 0, nil, nil
	}
	sent, err := c.sendAll(out, false)
	if c.sending.clear() {
		c.tainted.Store(true)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return sent, 0, nil, nil
	case err != nil:
		return sent, 0, err, nil
	}
	n, recvErr = c.recvSome(in, false)
	return sent, n, nil, recvErr
}
