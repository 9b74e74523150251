package backend

import (
	"errors"
	"os"
)

// Input and output as net.Conn has it: that of TLS and of what else is no socket, and everything
// where there are no raw system calls.

// piece is written at once, so that a long body's every pause is measured.
const piece = 64 << 10

// recvPlain receives at least a byte into p. pauses: the wait counts as a pause in a body.
func (c *Conn) recvPlain(p []byte, pauses bool) (int, error) {
	if pauses {
		c.armReading()
	}
	return c.nc.Read(p)
}

// sendPlain sends p, looking first whether the connection is still open if look is set.
func (c *Conn) sendPlain(p []byte, look bool) (int, error) {
	if look && !c.isQuiet() {
		return 0, ErrStaleUnsent
	}
	sent := 0
	for sent < len(p) {
		c.armSending()
		n, err := c.nc.Write(p[sent:min(len(p), sent+piece)])
		sent += n
		if err == nil {
			continue
		}
		if c.tls != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			return sent, c.cutForGood()
		}
		return sent, err
	}
	return sent, nil
}

// saysQuiet asks what is no socket whether it is open and nothing waits to be read.
func (c *Conn) saysQuiet() bool {
	q, ok := c.nc.(interface{ Quiet() bool })
	return !ok || q.Quiet()
}

// cutForGood says why a TLS connection was cut while sending. Unlike a plain one's, whatever the
// cut was meant for, its sending can't go on: half a record may be out.
func (c *Conn) cutForGood() *Failure {
	if c.isAbandoned() {
		return ErrAbandoned
	}
	return ErrTimeout
}

// sendRecvPlain sends out and then receives at least a byte into in. What is too long to be sure of
// not blocking is left unsent, with no error.
func (c *Conn) sendRecvPlain(out, in []byte, look bool) (sent, n int, sendErr, recvErr error) {
	if look && !c.isQuiet() {
		return 0, 0, ErrStaleUnsent, nil
	}
	if len(out) > piece {
		return 0, 0, nil, nil
	}
	sent, err := c.sendPlain(out, false)
	if c.sending.clear() {
		c.tainted.Store(true)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return sent, 0, nil, nil
	case err != nil:
		return sent, 0, err, nil
	}
	n, recvErr = c.recvPlain(in, false)
	return sent, n, nil, recvErr
}
