package admin

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// listener does what fasthttp's accept loop does not: it survives a lack of descriptors,
// leaves connections above its limit in the kernel's backlog instead of answering them, and
// knows the open ones.
type listener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex
	conns map[*conn]struct{}
	open  sync.WaitGroup
}

func newListener(ln net.Listener, limit int) *listener {
	return &listener{
		Listener: ln,
		slots:    make(chan struct{}, limit),
		closed:   make(chan struct{}),
		conns:    map[*conn]struct{}{},
	}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	nc, err := l.accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isClosed() { // so that closeFresh and wait have seen every connection
		_ = nc.Close()
		<-l.slots
		return nil, net.ErrClosed
	}
	c := &conn{Conn: nc, of: l}
	l.conns[c] = struct{}{}
	l.open.Add(1)
	return c, nil
}

func (l *listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// accept retries what passes.
func (l *listener) accept() (net.Conn, error) {
	const shortest, longest = 5 * time.Millisecond, time.Second
	for pause := shortest; ; pause = min(2*pause, longest) {
		nc, err := l.Listener.Accept()
		if err == nil || !passes(err) {
			return nc, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-l.closed:
			timer.Stop()
			return nil, net.ErrClosed
		}
	}
}

// passes tells whether accepting may work again after err.
func passes(err error) bool {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return false
	}
	switch no {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EPROTO, syscall.EPERM, syscall.EINTR, syscall.EAGAIN:
		return true
	default:
		return false
	}
}

// Close implements net.Listener; further calls do nothing.
func (l *listener) Close() error {
	var err error
	l.once.Do(func() {
		close(l.closed)
		err = l.Listener.Close()
	})
	return err
}

// closeFresh closes the connections that never sent a byte, such as a browser opens in
// advance: fasthttp takes them for busy for five seconds.
func (l *listener) closeFresh() {
	l.closeAll(func(c *conn) bool { return !c.used.Load() })
}

// cut closes every open connection, whatever it does.
func (l *listener) cut() { l.closeAll(func(*conn) bool { return true }) }

func (l *listener) closeAll(which func(*conn) bool) {
	l.mu.Lock()
	var open []*conn
	for c := range l.conns {
		if which(c) {
			open = append(open, c)
		}
	}
	l.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}

// wait returns when no connection is open. The listener must be closed.
func (l *listener) wait() { l.open.Wait() }

// conn is an accepted connection.
type conn struct {
	net.Conn
	of   *listener
	once sync.Once
	used atomic.Bool
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.used.Store(true)
	}
	return n, err
}

// Close implements net.Conn; further calls do nothing, since more than one closes it.
func (c *conn) Close() error {
	var err error
	c.once.Do(func() {
		err = c.Conn.Close()
		c.of.mu.Lock()
		delete(c.of.conns, c)
		c.of.mu.Unlock()
		<-c.of.slots
		c.of.open.Done()
	})
	return err
}
