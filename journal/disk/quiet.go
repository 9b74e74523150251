package disk

import (
	"fmt"
	"log/slog"
)

// quiet is Pebble's logger. Where Pebble would end the process, its fence is closed instead.
type quiet struct {
	log   *slog.Logger
	fence *fence
}

// Infof implements pebble.Logger.
func (quiet) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (q quiet) Errorf(format string, args ...any) {
	q.log.Debug("journal: the engine complains", "error", fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger.
func (q quiet) Fatalf(format string, args ...any) {
	q.fence.close(fmt.Errorf(format, args...))
}
