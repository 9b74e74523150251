package harness

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Section is a part of a corpus file: "-- name --" and the lines below it.
type Section struct {
	Name, Text string
}

// Corpus reads all files of a directory, by their names without ".txt". Lines starting with #
// are comments, up to the first section.
func Corpus(t testing.TB, dir string) map[string][]Section {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus in %s: %v", dir, err)
	}
	all := make(map[string][]Section)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".txt")] = sections(string(data))
	}
	return all
}

func sections(text string) []Section {
	var all []Section
	for line := range strings.Lines(text) {
		name, ok := strings.CutPrefix(line, "-- ")
		name, end := strings.CutSuffix(strings.TrimSpace(name), " --")
		switch {
		case ok && end:
			all = append(all, Section{Name: name})
		case len(all) > 0:
			all[len(all)-1].Text += line
		}
	}
	return all
}

// WireBytes turns a section's lines into what goes over the wire: the lines joined without their
// line ends, Go's escapes (\r\n, \x00) resolved. "*300 text" is text 300 times.
func WireBytes(t testing.TB, text string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		times := 1
		if rest, ok := strings.CutPrefix(line, "*"); ok {
			count, tail, _ := strings.Cut(rest, " ")
			if n, err := strconv.Atoi(count); err == nil {
				times, line = n, tail
			}
		}
		piece, err := strconv.Unquote(`"` + strings.ReplaceAll(line, `"`, `\"`) + `"`)
		if err != nil {
			t.Fatalf("cannot read the line %q: %v", line, err)
		}
		out.WriteString(strings.Repeat(piece, times))
	}
	return out.String()
}
