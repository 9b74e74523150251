package front

// Stats are nginx's stub_status numbers.
type Stats struct {
	Active, Reading, Writing, Waiting int // connections; Active is the sum of the others
	Accepted, Handled, Requests       uint64
}

// Stats now. Reading is connections with part of a request here, Writing those being
// answered, tunnelled or closed, Waiting those between requests.
func (s *Server) Stats() Stats {
	st := Stats{Handled: s.handled.Load()}
	// read after Handled, so that it is never the smaller of the two
	st.Accepted = s.accepted.Load()
	s.set.mu.Lock()
	defer s.set.mu.Unlock()
	st.Requests = s.set.requests
	for _, c := range s.set.conns {
		st.Requests += c.requests.Load()
		switch c.phase.load().phase() {
		case shaking, fresh, idle:
			st.Waiting++
		case heading, arriving:
			st.Reading++
		case none, answering, tunnelling, closing, receiving, sending:
			st.Writing++
		}
	}
	st.Active = len(s.set.conns)
	return st
}
