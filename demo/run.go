package demo

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// acceptPause is how long to wait when connections can't be accepted, for want of descriptors.
const acceptPause = 50 * time.Millisecond

// run is a server's time between listening and stopping. It owns one goroutine that accepts
// and one for each connection: fasthttp's own accept loop ends when descriptors run out and
// leaves goroutines behind when it is shut down.
type run struct {
	ln   net.Listener
	http *fasthttp.Server
	stop chan struct{} // closed when handlers are to come to an end
	wg   sync.WaitGroup

	mu       sync.Mutex
	conns    map[net.Conn]bool // the open ones; true while a request is on them
	stopping bool              // idle ones are closed
}

// accept takes connections until the listener is closed.
func (r *run) accept() {
	for {
		c, err := r.ln.Accept()
		switch {
		case err == nil:
			r.wg.Go(func() { r.serve(c) })
		case errors.Is(err, net.ErrClosed):
			return
		default:
			waiter{stop: r.stop}.waitFor(acceptPause)
		}
	}
}

// serve answers the requests of one connection.
func (r *run) serve(c net.Conn) {
	if !r.begin(c) {
		return
	}
	_ = r.http.ServeConn(c) // what went wrong is the client's or ours on purpose
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// begin adds c to the open connections, or closes it when it comes too late.
func (r *run) begin(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		c.Close()
		return false
	}
	r.conns[c] = false
	return true
}

// changed follows whether a request is on c. It is fasthttp's hook.
func (r *run) changed(c net.Conn, state fasthttp.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch state {
	case fasthttp.StateActive:
		r.conns[c] = true
	case fasthttp.StateIdle:
		r.conns[c] = false
		if r.stopping {
			c.Close()
		}
	default: // new and closed ones are serve's to note
	}
}

// end closes the listener and what is idle, gives the rest grace and cuts what is left then.
// It returns when no goroutine is left.
func (r *run) end(grace time.Duration) {
	close(r.stop)
	r.ln.Close()
	r.closeAll(false)
	done := make(chan struct{})
	go func() {
		r.wg.Wait()
		close(done)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		r.closeAll(true)
		<-done
	}
}

// closeAll closes idle connections, or resets all.
func (r *run) closeAll(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping = true
	for c, busy := range r.conns {
		if cut {
			reset(c)
		} else if !busy {
			c.Close()
		}
	}
}

// reset closes c so that the peer sees a reset and not an end.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // fails on a closed connection only
	}
	c.Close()
}
