package main

import (
	"os"
	"testing"
	"time"
)

// Both tell the same, but that the one has it in hundredths of a second.
func TestTheCPUClockIsWhatProcTells(t *testing.T) {
	pid := os.Getpid()
	for begun := time.Now(); ; {
		before, err := cpuClock(pid)
		if err != nil {
			t.Fatal(err)
		}
		if before > 300*time.Millisecond {
			s, err := readStat(pid)
			if err != nil {
				t.Fatal(err)
			}
			after, err := cpuClock(pid)
			if err != nil {
				t.Fatal(err)
			}
			if s.cpu < before-2*tick || s.cpu > after+2*tick {
				t.Errorf("/proc tells %s, the clock %s to %s", s.cpu, before, after)
			}
			return
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("no CPU time for a minute")
		}
	}
}

func TestTheCPUClockOfAProcessThatIsNotThereIsAnError(t *testing.T) {
	if d, err := cpuClock(1 << 22); err == nil { // one more than Linux has
		t.Errorf("got %s", d)
	}
}
