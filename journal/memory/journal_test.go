package memory

import (
	"math/rand/v2"
	"testing"

	"tutti/journal"
	"tutti/journal/journaltest"
)

func TestTheSuitePasses(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journaltest.Engine {
		s := new(Store)
		return journaltest.Engine{
			Open: func(backends, forget []string) (journal.Journal, error) {
				j, err := s.Open(Options{Backends: backends, Forget: forget})
				if err != nil {
					return nil, err
				}
				return j, nil
			},
			Crash: func() { s.Crash(func(n int) int { return rand.IntN(n + 1) }) },
		}
	})
}
