//go:build !race

package answer

import "testing"

func TestAllocsOfAnAnswerAreNone(t *testing.T) {
	dst := make([]byte, 0, 4096)
	if got := testing.AllocsPerRun(100, func() {
		dst = Append(dst[:0], &full, Reply{KeepAlive: true, Minor: 1})
		dst = Append(dst, &full, Reply{Head: true})
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
