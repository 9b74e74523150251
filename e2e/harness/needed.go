package harness

import (
	"os"
	"os/exec"
	"testing"
)

// Needed finds a program of Debian's package pkg. Without it the test is skipped; in CI, which
// installs it, the test fails.
func Needed(t testing.TB, name, pkg string) {
	t.Helper()
	_, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%v, and in CI it has to be there", err)
	default:
		t.Skipf("%v: apt-get install --no-install-recommends %s", err, pkg)
	}
}
