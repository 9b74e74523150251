package front

import (
	"context"
	"math"
	"time"
)

// Drain closes the listeners, goes on serving what is open with Connection: close, closes
// connections that have been silent for a second, and returns nil when none is left or ctx's
// error when it is done; Close cuts what is left then.
func (s *Server) Drain(ctx context.Context) error {
	s.stopAccepting(backlogTime)
	for s.set.len() > 0 {
		select {
		case <-s.emptied:
			s.tellEmpty() // another Drain may be waiting
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.set.close()
	s.serving.Wait()
	s.sweeper.stop()
	return nil
}

// Dismiss abandons the backend connections in use (Hold), now and from now on, so that handlers
// can still tell clients that the server stops (Exchange.Dismissed). It does not wait.
func (s *Server) Dismiss() {
	s.dismissed.Store(true)
	s.each((*conn).dismiss)
}

// each calls f for every connection.
func (s *Server) each(f func(c *conn)) {
	var batch [256]*conn
	for before := math.MaxInt; before > 0; {
		var n int
		n, before = s.set.slice(batch[:], before)
		for _, c := range batch[:n] {
			f(c)
		}
	}
}

// Close cuts everything and waits for every goroutine.
func (s *Server) Close() error {
	s.stopAccepting(0)
	s.set.close()
	s.each((*conn).kill)
	s.serving.Wait()
	s.sweeper.stop()
	return nil
}

// backlogTime is how long clients that the kernel has connected already are still accepted: closing
// the listener resets them, with the requests they may have sent.
const backlogTime = 20 * time.Millisecond

// stopAccepting closes the listeners, makes every answer the last on its connection and waits
// for Serve's loops.
func (s *Server) stopAccepting(backlog time.Duration) {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		s.drainTick.Store(s.tick.Load())
		close(s.stopping)
		for ln := range s.listeners {
			if d, ok := ln.(interface{ SetDeadline(t time.Time) error }); ok && backlog > 0 {
				if d.SetDeadline(time.Now().Add(backlog)) == nil {
					continue // Serve closes it
				}
			}
			_ = ln.Close()
		}
	}
	s.mu.Unlock()
	s.accepting.Wait()
}
