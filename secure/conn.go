package secure

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// Conn is a TLS connection over a TCP one. As with the net package's, one goroutine may read
// while another writes, and deadlines may be set from anywhere. After a Write that a deadline has
// cut nothing more can be written; a Read that was cut can be called again.
type Conn struct {
	*tls.Conn
	socket  *socket
	reading sync.Mutex
	one     [1]byte // under reading
}

// Server returns a server's side over nc, which it owns from then on. Handshake or the first Read
// or Write makes the handshake.
func Server(nc net.Conn, c *tls.Config) *Conn {
	s := newSocket(nc)
	return &Conn{Conn: tls.Server(s, c), socket: s}
}

// Client returns a client's side over nc, likewise.
func Client(nc net.Conn, c *tls.Config) *Conn {
	s := newSocket(nc)
	return &Conn{Conn: tls.Client(s, c), socket: s}
}

// Read implements net.Conn: never bytes and an error at once. io.EOF says that the peer has
// closed its side cleanly; a stream cut short ends with ErrTruncated.
func (c *Conn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	n, err := c.Conn.Read(p)
	if n > 0 {
		return n, nil // the error comes again
	}
	return 0, err
}

// Quiet tells whether the connection is open and nothing waits to be read: neither in
// the socket, nor in what was read from it and not yet given out. What TLS says to itself (session
// tickets, new keys) is taken in on the way. When the answer is no nobody can go on reading. While
// another goroutine reads only the socket is asked, since all else is that one's to find.
func (c *Conn) Quiet() bool {
	if c.socket.raw == nil || !canLook {
		return true
	}
	if !c.reading.TryLock() {
		return c.socket.empty()
	}
	defer c.reading.Unlock()
	c.socket.looking = true
	n, err := c.Conn.Read(c.one[:])
	c.socket.looking = false
	return n == 0 && errors.Is(err, errQuiet) && c.socket.records.whole()
}

// Close closes the connection, telling the peer so if that takes no waiting. It may be called
// while another goroutine reads or writes.
func (c *Conn) Close() error {
	c.socket.closing.Store(true)
	_ = c.socket.SetWriteDeadline(past) // a CloseWrite that still waits lets go
	return c.Conn.Close()
}

// past is a deadline that ends every wait at once.
var past = time.Unix(1, 0)

// Reset closes the connection such that the peer sees it cut off.
func (c *Conn) Reset() {
	if tc, ok := c.socket.Conn.(*net.TCPConn); ok {
		_ = tc.SetLinger(0)
	}
	_ = c.socket.Conn.Close()
}

// Finish says, in TLS and in TCP, that nothing more will be written, and returns the socket, from
// which what the peer still sends can be taken without looking into it. Close ends it all.
func (c *Conn) Finish() (net.Conn, error) {
	if err := c.CloseWrite(); err != nil {
		return nil, err
	}
	if half, ok := c.socket.Conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return nil, err
		}
	}
	return c.socket.Conn, nil
}

// Socket is the connection underneath, for a client that turned out not to speak TLS.
func (c *Conn) Socket() net.Conn { return c.socket.Conn }

// Raw is its descriptor, to be asked about but not read or written; nil when there is none.
func (c *Conn) Raw() syscall.RawConn { return c.socket.raw }
