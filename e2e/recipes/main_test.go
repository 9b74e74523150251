//go:build !race

package recipes

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"tutti/e2e/harness"
)

// program is what TestMain built.
var program harness.Binary

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tutti-recipes-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if program, err = harness.Build("../..", dir, false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestRecipes runs every recipe of the page; one without a test fails, and so does a test
// without its recipe.
func TestRecipes(t *testing.T) {
	tests := map[string]func(*testing.T, *recipe){
		"Three InfluxDB 1.x nodes":             influx,
		"Purging three Varnish caches at once": varnish,
		"Three WebDAV servers kept alike":      webdav,
		"Behind another proxy, with TLS":       behindTLS,
	}
	all := readPage(t, "../../docs/recipes.md")
	for _, r := range all {
		test, ok := tests[r.title]
		if !ok {
			t.Errorf("the recipe %q is run by no test", r.title)
			continue
		}
		delete(tests, r.title)
		t.Run(r.title, func(t *testing.T) {
			t.Parallel()
			r.t = t
			test(t, r)
			r.finished()
		})
	}
	for title := range tests {
		t.Errorf("the page has no recipe %q", title)
	}
}
