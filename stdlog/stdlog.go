// Package stdlog silences package log while other packages initialise themselves.
//
// github.com/VictoriaMetrics/metrics v1.41.2 prints a line from the initialisation of a
// variable on every kernel without pressure stall information, so before any flag is read and
// in front of every error. Packages are initialised in the order of their import paths as far
// as their imports allow (Go 1.21 release notes; GODEBUG=inittrace=1 shows it). This one
// imports next to nothing; that one waits for net/http and so for vendor/golang.org, which
// sorts after it.
package stdlog

import (
	"io"
	"log"
	"log/slog"
)

var _ = silence()

func silence() struct{} {
	log.SetOutput(io.Discard)
	return struct{}{}
}

// Follow has package log write to l from now on.
func Follow(l *slog.Logger) {
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(l.Handler(), slog.LevelInfo).Writer())
}
