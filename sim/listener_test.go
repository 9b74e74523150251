package sim

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// listener is where clients connect, in memory.
type listener struct {
	backlog chan net.Conn
	gone    chan struct{}
	once    sync.Once

	mu    sync.Mutex
	taken []*end // its ends of the connections
}

func newListener() *listener {
	return &listener{backlog: make(chan net.Conn, 64), gone: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.gone:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Who waits to be accepted is reset.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.gone) })
	for {
		select {
		case c := <-l.backlog:
			_ = c.(*end).SetLinger(0)
			c.Close()
		default:
			return nil
		}
	}
}

// cut is the end of the process that listens: of all its connections, too.
func (l *listener) cut() {
	_ = l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.taken {
		c.Close()
	}
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return address(0, 80) }

// dial connects the client with this number.
func (l *listener) dial(client int) (*end, error) {
	select {
	case <-l.gone:
		return nil, syscall.ECONNREFUSED
	default:
	}
	near, far := newPipe(address(client+1, 4000), l.Addr())
	l.mu.Lock()
	l.taken = append(l.taken, far)
	l.mu.Unlock()
	select {
	case l.backlog <- far:
		select {
		case <-l.gone:
			_ = l.Close() // it may have closed in between, and not seen this one
		default:
		}
		return near, nil
	default:
		return nil, syscall.ECONNREFUSED
	}
}

// address is one of the simulated network's.
func address(host, port int) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(host >> 8), byte(host)}), uint16(port)))
}
