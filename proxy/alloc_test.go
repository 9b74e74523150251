//go:build !race && linux && (amd64 || arm64) && !tutti_plain

package proxy

import (
	"runtime/debug"
	"testing"
)

func TestALongAnswerAllocatesNothing(t *testing.T) {
	read := benchmarkRead(t, withLength(300<<10))
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // pools are emptied by collections
	if n := testing.AllocsPerRun(200, read); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
