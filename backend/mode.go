package backend

// Mode is what an operator wants of a backend. The last word counts.
type Mode uint8

// The modes.
const (
	ModeServing Mode = iota // reads and writes
	ModeDrained             // no reads; writes go on
	ModeHeld                // no reads; writes are owed to it and not sent
)

// Drain takes b out of the reads until Resume; writes go on, also what it was owed while it was held.
func (b *Backend) Drain() { b.setMode(ModeDrained, wasDrained) }

// Hold takes b out of the reads until Resume, and has writes owed to it and not sent until Resume
// or Drain. What is being sent ends by its own outcome. When it returns, OnHold's function has.
func (b *Backend) Hold() { b.setMode(ModeHeld, wasHeld) }

// Resume ends Drain and Hold, and an ejection. What checks say it leaves to them.
func (b *Backend) Resume() {
	b.change(func(h *health) event {
		if h.mode == ModeServing && !h.ejected {
			return nothing
		}
		h.mode = ModeServing
		h.recover()
		h.told = h.told && h.unhealthy
		return wasResumed
	})
}

// Held tells whether b is held. OnHold's function is called when that has changed.
func (b *Backend) Held() bool { return b.health.held.Load() }

// OnHold registers the one function called, without locks held, after Held's answer has changed,
// by whoever changed it. It has to ask Held anew: somebody else may have changed it since.
func (b *Backend) OnHold(f func()) {
	b.health.mu.Lock()
	b.health.onHold = f
	b.health.mu.Unlock()
}

func (b *Backend) setMode(m Mode, what event) {
	b.change(func(h *health) event {
		if h.mode == m {
			return nothing
		}
		h.mode = m
		return what
	})
}
