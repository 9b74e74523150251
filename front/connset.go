package front

import "sync"

// connset is the open connections. It is touched when one is accepted or closed, and read
// by the sweeper in slices, so that no lock is held for long.
type connset struct {
	mu       sync.Mutex
	conns    []*conn
	requests uint64 // of the connections that are gone
	closed   bool
}

// add takes c in; false when the set is closed.
func (s *connset) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	c.place = len(s.conns)
	s.conns = append(s.conns, c)
	return true
}

// remove takes c out and returns how many are left.
func (s *connset) remove(c *conn) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.conns) - 1
	moved := s.conns[last]
	s.conns[c.place] = moved
	moved.place = c.place
	s.conns[last] = nil
	s.conns = s.conns[:last]
	s.requests += c.requests.Load()
	return last
}

// slice fills into with connections below place before, highest first, and returns how many.
// Going down misses none: a removal only ever moves a connection down from a place
// that was already seen.
func (s *connset) slice(into []*conn, before int) (n, next int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next = min(before, len(s.conns))
	for n < len(into) && next > 0 {
		next--
		into[n] = s.conns[next]
		n++
	}
	return n, next
}

// close makes add refuse.
func (s *connset) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func (s *connset) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
