package harness

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// PeakRSS is the largest resident set the program has had, in bytes (VmHWM).
func (p *Process) PeakRSS() int64 { return p.status("VmHWM:") }

// RSS is the program's resident set now, in bytes.
func (p *Process) RSS() int64 { return p.status("VmRSS:") }

func (p *Process) status(field string) int64 {
	p.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil {
		p.t.Skipf("no /proc here: %v", err)
	}
	for line := range strings.Lines(string(data)) {
		rest, ok := strings.CutPrefix(line, field)
		if !ok {
			continue
		}
		kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		if err != nil {
			p.t.Fatalf("cannot read %q: %v", line, err)
		}
		return kb << 10
	}
	p.t.Skipf("no %s in /proc", field)
	return 0
}

// Descriptors is how many file descriptors the program has open.
func (p *Process) Descriptors() int {
	p.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID))
	if err != nil {
		p.t.Skipf("no /proc here: %v", err)
	}
	return len(entries)
}
