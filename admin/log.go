package admin

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// throttledLog is fasthttp's Logger. What it says is caused by clients, so it is one line in
// ten seconds, cut to a length, printable.
type throttledLog struct {
	log *slog.Logger

	mu   sync.Mutex
	next time.Time // not before
	kept int       // lines not logged since the last one
}

const (
	logEvery  = 10 * time.Second
	logLength = 200
)

// Printf implements fasthttp.Logger.
func (t *throttledLog) Printf(format string, args ...any) {
	t.warn(fmt.Sprintf(format, args...))
}

func (t *throttledLog) warn(what string) {
	now := time.Now()
	t.mu.Lock()
	if now.Before(t.next) {
		t.kept++
		t.mu.Unlock()
		return
	}
	kept := t.kept
	t.next, t.kept = now.Add(logEvery), 0
	t.mu.Unlock()
	t.log.Warn("admin listener", "what", printable(what), "unsaid", kept)
}

// printable replaces what is not ASCII text and cuts.
func printable(s string) string {
	if len(s) > logLength {
		s = s[:logLength] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
