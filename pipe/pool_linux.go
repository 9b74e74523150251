//go:build linux && (amd64 || arm64) && !tutti_plain

package pipe

import "sync"

// Most is how many pipes a Pool lends and keeps: together they hold at most 16 MiB, a quarter of what the kernel
// lets an unprivileged user have by default before it makes pipes smaller.
const Most = 128

// Pool lends pipes. The zero Pool is ready.
type Pool struct {
	mu     sync.Mutex
	open   int     // of them some are lent, the others idle
	idle   []*Pipe // empty ones, the one given back last at the end
	closed bool
}

// Take lends a pipe, empty. nil: there are enough already, the process is short of descriptors, the pool was
// closed, or the kernel is one whose splice waits.
func (l *Pool) Take() *Pipe {
	l.mu.Lock()
	if n := len(l.idle); n > 0 {
		p := l.idle[n-1]
		l.idle[n-1] = nil
		l.idle = l.idle[:n-1]
		l.mu.Unlock()
		return p
	}
	if l.open == Most || l.closed {
		l.mu.Unlock()
		return nil
	}
	l.open++
	l.mu.Unlock()
	p := open()
	if p == nil {
		l.mu.Lock()
		l.open--
		l.mu.Unlock()
	}
	return p
}

// Give ends the loan at now (clock.Now). One that still holds something is closed, so that nobody gets it.
func (l *Pool) Give(p *Pipe, now int64) {
	l.mu.Lock()
	keep := p.held == 0 && !l.closed
	if keep {
		p.since = now
		l.idle = append(l.idle, p)
	} else {
		l.open--
	}
	l.mu.Unlock()
	if !keep {
		p.close()
	}
}

// Expire closes those that nobody has used since before, and returns when the oldest one left was given back, 0
// when none is.
func (l *Pool) Expire(before int64) (oldest int64) {
	l.mu.Lock()
	n := 0
	for n < len(l.idle) && l.idle[n].since <= before {
		n++
	}
	old := l.takeOut(n)
	if len(l.idle) > 0 {
		oldest = l.idle[0].since
	}
	l.mu.Unlock()
	closeAll(old)
	return oldest
}

// Close closes those that are idle, and has those that are lent closed when they come back.
func (l *Pool) Close() {
	l.mu.Lock()
	l.closed = true
	old := l.takeOut(len(l.idle))
	l.mu.Unlock()
	closeAll(old)
}

// Open is how many there are, lent or idle.
func (l *Pool) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// takeOut removes the first n of the idle ones.
func (l *Pool) takeOut(n int) []*Pipe {
	if n == 0 {
		return nil
	}
	old := append([]*Pipe(nil), l.idle[:n]...)
	left := copy(l.idle, l.idle[n:])
	clear(l.idle[left:])
	l.idle = l.idle[:left]
	l.open -= n
	return old
}

func closeAll(old []*Pipe) {
	for _, p := range old {
		p.close()
	}
}
