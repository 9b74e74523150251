package sim

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// history is what happened in a seed, in order, and what of it should not have.
type history struct {
	start time.Time

	mu     sync.Mutex
	lines  []line
	wrongs []string
}

// line is formatted when somebody reads it.
type line struct {
	at   time.Duration
	text string
	args []any
}

// now is how long the seed has run, in fake time.
func (h *history) now() time.Duration { return time.Since(h.start) }

// note adds a line. args must not change any more.
func (h *history) note(text string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line{h.now(), text, args})
}

// wrong notes that a promise was broken.
func (h *history) wrong(text string, args ...any) {
	h.note("WRONG: "+text, args...)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.wrongs) < 20 {
		h.wrongs = append(h.wrongs, fmt.Sprintf(text, args...))
	}
}

// found is what was wrong.
func (h *history) found() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wrongs
}

// unordered is the history without the order of what happened at the same moment.
func (h *history) unordered() string {
	lines := strings.Split(h.String(), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (h *history) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	for i := range h.lines {
		l := &h.lines[i]
		fmt.Fprintf(&b, "%14.6f  ", l.at.Seconds())
		fmt.Fprintf(&b, l.text, l.args...)
		b.WriteByte('\n')
	}
	return b.String()
}
