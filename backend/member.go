package backend

import "time"

// Slow return: what was down and comes back takes 1 in returnShare of its turns at first, and
// twice as many after each returnStep, until it takes all.
const (
	returnShare = 16
	returnSteps = 4 // doublings to the whole share
	returnStep  = time.Second
)

// member is what picking knows about a backend.
type member struct {
	bit    Set
	state  State
	lacks  int
	picked uint64 // when it was picked last, in picks; 0: never
	reads  uint64 // times it was picked, turns it let pass left out

	down   int64 // clock.Now at which it went down, 0: it is not
	every  int   // while it returns: it takes one in so many of its turns; otherwise 0
	turn   int   // of those it had since it is back
	step   int64 // nanoseconds to the next doubling, each
	stepAt int64 // clock.Now of the next one
}

// level is how eligible a member is: 0 is best.
func (m *member) level() int {
	switch m.state {
	case Live:
		if m.lacks <= 0 {
			return 0
		}
		return 1
	case Ejected, Unhealthy:
		return 2
	case Drained, Held:
	}
	return never
}

// never is the level of members that are not picked at all.
const never = 3

// become changes the state. A return takes as long as the backend was down, but at most
// returnSteps of returnStep; one too short to be told apart is none.
func (m *member) become(s State, now int64) {
	m.state = s
	switch s {
	case Ejected, Unhealthy:
		m.every = 0
		if m.down == 0 {
			m.down = now
		}
	case Live:
		if m.down == 0 {
			return
		}
		m.step = min(int64(returnStep), (now-m.down)/returnSteps)
		m.down = 0
		if m.step >= int64(minTick) {
			m.every, m.turn, m.stepAt = returnShare, 0, now+m.step
		}
	case Drained, Held: // which is not being down
	}
}

// returning tells whether it lets some of its turns pass.
func (m *member) returning() bool { return m.every != 0 }

// takes tells whether it takes the turn it has or has next.
func (m *member) takes() bool { return m.every == 0 || m.turn%m.every == 0 }

// advance ends a step of its return if that is over at now, and tells whether that was the last.
func (m *member) advance(now int64) (last bool) {
	if m.stepAt > now {
		return false
	}
	m.stepAt += m.step
	m.every /= 2
	if m.every > 1 {
		return false
	}
	m.every = 0
	return true
}
