package front

import (
	"errors"
	"log/slog"
	"syscall"
	"time"
)

// The pause after an accept that failed.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
)

// pause is how long accepting rests while it keeps failing. It logs the beginning and the end.
type pause struct {
	d     time.Duration
	fails int
}

func (p *pause) begin(log *slog.Logger, err error) {
	if p.fails == 0 {
		log.Warn("cannot accept connections, trying again", "error", err)
	}
	p.fails++
}

func (p *pause) end(log *slog.Logger) {
	if p.fails > 0 {
		log.Info("accepting connections again", "failures", p.fails)
	}
	*p = pause{}
}

func (p *pause) next() time.Duration {
	p.d = min(max(2*p.d, firstPause), lastPause)
	return p.d
}

// passes tells whether accepting can go on after err: the process or the machine is out of
// something that comes back, or the one connection failed (accept(2)).
func passes(err error) bool {
	var e syscall.Errno
	if !errors.As(err, &e) {
		return false
	}
	switch e {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EPROTO, syscall.EPERM, syscall.EINTR, syscall.EAGAIN,
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH:
		return true
	default:
		return false
	}
}
