package demo

import (
	"net"
	"sync"

	"github.com/valyala/fasthttp"
)

// run is a server's time between listening and stopping.
type run struct {
	http  *fasthttp.Server
	ln    net.Listener
	stop  chan struct{} // closed when handlers are to come to an end
	done  chan error    // Serve's result
	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once they are being cut
}

// track keeps the set of open connections, so that they can be cut.
func (r *run) track(c net.Conn, state fasthttp.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch state {
	case fasthttp.StateNew:
		if r.conns == nil {
			c.Close()
			return
		}
		r.conns[c] = struct{}{}
	case fasthttp.StateClosed, fasthttp.StateHijacked:
		delete(r.conns, c)
	}
}

// cut closes every connection, with a reset.
func (r *run) cut() {
	r.mu.Lock()
	conns := r.conns
	r.conns = nil
	r.mu.Unlock()
	for c := range conns {
		reset(c)
	}
}

// reset closes c so that the peer sees a reset and not an end.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // fails on a closed connection only
	}
	c.Close()
}
