package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// section is a part of a corpus file: "-- name --" and the lines below it.
type section struct {
	name, text string
}

// corpus reads all files of testdata/dir. Lines starting with # are comments, up to the first
// section.
func corpus(t *testing.T, dir string) map[string][]section {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus in testdata/%s: %v", dir, err)
	}
	all := make(map[string][]section)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".txt")] = sections(string(data))
	}
	return all
}

func sections(text string) []section {
	var all []section
	for line := range strings.Lines(text) {
		name, ok := strings.CutPrefix(line, "-- ")
		name, end := strings.CutSuffix(strings.TrimSpace(name), " --")
		switch {
		case ok && end:
			all = append(all, section{name: name})
		case len(all) > 0:
			all[len(all)-1].text += line
		}
	}
	return all
}

// wireBytes turns a section's lines into what goes over the wire: the lines joined without their
// line ends, Go's escapes (\r\n, \x00) resolved. "*300 text" is text 300 times.
func wireBytes(t *testing.T, text string) string {
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
