package browser

import (
	"context"
	"fmt"
	"os"
	"testing"

	"tutti/e2e/harness"
)

// program is what TestMain built.
var program harness.Binary

// chromium is the one browser of all tests; each has contexts of its own in it. nil: there is none.
var chromium context.Context

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tutti-browser-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if program, err = harness.Build("../..", dir, false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var stop func()
	if chromium, stop, err = startChromium(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	return m.Run()
}
