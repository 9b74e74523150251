package backend

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"tutti/secure"
)

// Dial connects to a backend's name. A connection that is not a syscall.Conn is read and written
// as net.Conn has it; if it has Quiet() bool, as secure.Conn does, that is asked before it is used again.
type Dial func(ctx context.Context, name string) (net.Conn, error)

// connect opens a connection, of no pool yet, to whatever the name stands for now: both
// families (RFC 8305), resolved each time.
func (b *Backend) connect(ctx context.Context) (net.Conn, error) {
	if b.o.TLS != nil {
		return b.connectTLS(ctx)
	}
	return b.open(ctx)
}

// open is connect below TLS.
func (b *Backend) open(ctx context.Context) (net.Conn, error) {
	if b.o.Dial == nil {
		return b.dialer.DialContext(ctx, "tcp", b.name)
	}
	ctx, cancel := context.WithTimeout(ctx, b.o.DialTimeout)
	defer cancel()
	return b.o.Dial(ctx, b.name)
}

// dial connects for a claim. It fills the slot the caller holds, or vacates it.
func (b *Backend) dial(u Use) (*Conn, error) {
	nc, err := b.connect(b.dialing)
	if err != nil {
		b.pool.vacate(u)
		if b.dialing.Err() != nil {
			return nil, ErrBusy
		}
		f := dialFailure(err)
		if f != ErrBusy {
			b.connected(f)
		}
		return nil, f
	}
	return b.fill(nc, u)
}

// dialFailure says what an error in connecting means. What this machine is short of is not the
// backend's failure: running out of descriptors must not eject all of them.
func dialFailure(err error) *Failure {
	for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, e) {
			return ErrBusy
		}
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return ErrDialTimeout
	}
	if f := handshakeFailure(err); f != nil {
		return f
	}
	return ErrRefused
}

// fill puts a new connection into the slot the caller holds and claims it.
func (b *Backend) fill(nc net.Conn, u Use) (*Conn, error) {
	c := &Conn{b: b, nc: nc}
	c.tls, _ = nc.(*secure.Conn)
	_, socket := nc.(socket)
	c.plain = c.tls != nil || !socket
	if err := c.bind(); err != nil {
		_ = nc.Close()
		b.pool.vacate(u)
		return nil, ErrRefused
	}
	b.pool.connected(c, u)
	b.connected(nil)
	return c, nil
}

// newDialer sets TCP_NODELAY by Go's default and keep-alive explicitly, so that a backend that
// vanished does not keep a connection without time limit (StreamTimeout 0) for ever.
func newDialer(o Options) net.Dialer {
	return net.Dialer{
		Timeout: o.DialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   true,
			Idle:     15 * time.Second,
			Interval: 15 * time.Second,
			Count:    8,
		},
	}
}
