//go:build linux && (amd64 || arm64) && !tutti_plain

package pipe

import "testing"

func TestKernelsThatWaitInSpliceAreKnown(t *testing.T) {
	for release, want := range map[string]bool{
		"6.5.0":            false,
		"6.5.0-15-generic": false,
		"6.5.13":           false,
		"6.5":              false,
		"6.5-rc7":          false,
		"6.50.1":           true,
		"6.4.16":           true,
		"6.6.1":            true,
		"5.15.0-6.5.1":     true,
		"4.19.0+":          true,
	} {
		if got := doesNotWait(release); got != want {
			t.Errorf("%s: %v", release, got)
		}
	}
}

func TestWhereSpliceWaitsNoPipeIsLent(t *testing.T) {
	before := usable
	t.Cleanup(func() { usable = before })
	usable = func() bool { return false }
	var l Pool
	t.Cleanup(l.Close)
	if p := l.Take(); p != nil {
		t.Error("a pipe was lent")
	}
	usable = func() bool { return true }
	p := l.Take()
	if p == nil {
		t.Fatal("none was lent")
	}
	l.Give(p, 1)
	if n := l.Open(); n != 1 {
		t.Errorf("%d are open", n)
	}
}
