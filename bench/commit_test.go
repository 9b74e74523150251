package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheCommitIsTheSourcesWhateverEarlierResultsThereAre(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) {
		t.Helper()
		who := []string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.test"}
		if out, err := exec.Command("git", append(who, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	if got := commit(dir); got != "unknown" {
		t.Errorf("where there is no repository the commit is %q", got)
	}
	write("main.go", "package main")
	write("BENCHMARKS.md", "old")
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "a")
	clean := commit(dir)
	if len(clean) != 12 {
		t.Fatalf("got %q, want twelve digits", clean)
	}
	write("BENCHMARKS.md", "new")
	write("docs/bench/reads.svg", "<svg/>")
	if got := commit(dir); got != clean {
		t.Errorf("other results make it %q", got)
	}
	write("more.go", "package main")
	if got := commit(dir); !strings.HasPrefix(got, clean+"-dirty") {
		t.Errorf("with a file that was not added it is %q", got)
	}
	if err := os.Remove(filepath.Join(dir, "more.go")); err != nil {
		t.Fatal(err)
	}
	write("main.go", "package main // changed")
	if got := commit(dir); !strings.HasPrefix(got, clean+"-dirty") {
		t.Errorf("with a file that was changed it is %q", got)
	}
}
