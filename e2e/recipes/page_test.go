//go:build !race

package recipes

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// recipe is a section of the page. Its blocks are used in the page's order.
type recipe struct {
	title  string
	t      *testing.T
	blocks []block
	names  map[string]string // what stands on the page, and what takes its place here
	args   []string          // Tutti's
}

// block is a fenced one.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// readPage reads the recipes of a page: its sections that have blocks.
func readPage(t *testing.T, path string) []*recipe {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []*recipe
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		r := &recipe{title: title, names: map[string]string{}}
		for _, m := range fence.FindAllStringSubmatch(body, -1) {
			r.blocks = append(r.blocks, block{m[1], m[2]})
		}
		all = append(all, r)
	}
	return all
}

// call has a name on the page stand for something here: an address, a file.
func (r *recipe) call(name, here string) {
	r.t.Helper()
	if !slices.ContainsFunc(r.blocks, func(b block) bool { return strings.Contains(b.text, name) }) {
		r.t.Fatalf("the recipe does not speak of %q any more", name)
	}
	r.names[name] = here
}

// next is the recipe's next block, with what stands for its names.
func (r *recipe) next(language string) string {
	r.t.Helper()
	if len(r.blocks) == 0 || r.blocks[0].language != language {
		r.t.Fatalf("the recipe's next block is not %s: %+v", language, r.blocks)
	}
	text := r.blocks[0].text
	r.blocks = r.blocks[1:]
	for name, here := range r.names {
		text = strings.ReplaceAll(text, name, here)
	}
	return text
}

// finished fails a test that left something of its recipe out.
func (r *recipe) finished() {
	r.t.Helper()
	if len(r.blocks) > 0 {
		r.t.Errorf("not run: %+v", r.blocks)
	}
}

// tutti starts the program as the next block does, but on free ports.
func (r *recipe) tutti() *harness.Process {
	r.t.Helper()
	out := r.sh("tutti() { printf '%s\\n' \"$@\"; }\n" + r.next("sh"))
	args := strings.Split(strings.TrimSpace(out), "\n")
	args = slices.DeleteFunc(args, func(a string) bool {
		return strings.HasPrefix(a, "--listen=") || strings.HasPrefix(a, "--admin-listen=")
	})
	if len(args) < 2 {
		r.t.Fatalf("not a command of Tutti's: %s", out)
	}
	r.t.Logf("tutti %q", args)
	r.args = args
	return program.Start(r.t, args...)
}

// again starts the program once more, as it was.
func (r *recipe) again() *harness.Process {
	r.t.Helper()
	return program.Start(r.t, r.args...)
}

// run runs the next block and returns what it printed.
func (r *recipe) run() string {
	r.t.Helper()
	return r.sh(r.next("sh"))
}

func (r *recipe) sh(script string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "sh", "-eu")
	cmd.Stdin = strings.NewReader(script)
	cmd.Env = append(os.Environ(), "no_proxy=*")
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			r.t.Fatalf("%s\n%v: %s%s", script, err, out, exit.Stderr)
		}
		r.t.Fatalf("%s\n%v", script, err)
	}
	return string(out)
}
