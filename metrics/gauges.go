package metrics

// Writes is one consistent look at the writes: Accepted == Settled + Pending + Parked.
type Writes struct {
	Accepted, Settled, Pending, Parked uint64
	Unkeyed                            uint64 // of the accepted: without an ordering key
	PendingBytes                       int64
	Backends                           []BackendWrites // by index
}

// BackendWrites is what one backend is owed.
type BackendWrites struct {
	Owed, Parked  int     // deliveries
	OldestSeconds float64 // age of the oldest write owed; 0 if none is
}

// Gauges is where a scrape reads what changes elsewhere. Each function is called once per
// scrape (those that take a backend: once for each), never by two scrapes at a time. A nil one
// reads as zero. They must not call the Set.
type Gauges struct {
	Writes            func() Writes
	ClientConnections func() int
	Up                func(backend int) bool
	Connections       func(backend int) (idle, active int)
	LogDropped        func() uint64 // lines of the access log, since the start
	JournalBytes      func() int64  // on disk
}

// look is what one scrape read.
type look struct {
	writes   Writes
	clients  int
	dropped  uint64
	journal  int64
	backends []backendLook
}

type backendLook struct {
	up                bool
	idle, active      int
	delivered, failed uint64
	writes            BackendWrites
}

// look reads everything once. The caller holds s.scrape.
func (s *Set) look() look {
	l := look{backends: make([]backendLook, len(s.backends))}
	g := &s.gauges
	if g.Writes != nil {
		l.writes = g.Writes()
	}
	if g.ClientConnections != nil {
		l.clients = g.ClientConnections()
	}
	if g.LogDropped != nil {
		l.dropped = g.LogDropped()
	}
	if g.JournalBytes != nil {
		l.journal = g.JournalBytes()
	}
	for i, b := range s.backends {
		at := &l.backends[i]
		at.delivered, at.failed = b.delivered.Get(), b.failed.Get()
		if g.Up != nil {
			at.up = g.Up(i)
		}
		if g.Connections != nil {
			at.idle, at.active = g.Connections(i)
		}
		if i < len(l.writes.Backends) {
			at.writes = l.writes.Backends[i]
		}
	}
	return l
}
