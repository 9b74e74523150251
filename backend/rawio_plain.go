//go:build !linux || !(amd64 || arm64) || tutti_plain

package backend

import "syscall"

// ioState without tricks: net.Conn's own Read and Write, and a look before the first Write.
type ioState struct {
	raw syscall.RawConn
}

// bind readies what look needs.
func (c *Conn) bind() error {
	if c.plain {
		return nil
	}
	raw, err := c.nc.(socket).SyscallConn()
	c.io.raw = raw
	return err
}

// recvSome receives at least a byte into p. pauses: the wait counts as a pause in a body.
func (c *Conn) recvSome(p []byte, pauses bool) (int, error) { return c.recvPlain(p, pauses) }

// sendAll sends p, looking first whether the connection is still open if look is set.
func (c *Conn) sendAll(p []byte, look bool) (int, error) { return c.sendPlain(p, look) }

// sendRecv sends out and then receives at least a byte into in.
func (c *Conn) sendRecv(out, in []byte, look bool) (sent, n int, sendErr, recvErr error) {
	return c.sendRecvPlain(out, in, look)
}

// isQuiet tells whether the connection is open and nothing waits to be read.
func (c *Conn) isQuiet() bool {
	if c.plain {
		return c.saysQuiet()
	}
	return quiet(c.io.raw)
}
