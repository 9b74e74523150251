//go:build !race

package recipes

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../../"

// others look like flags and series of ours, but are other programs', or not in --help.
var others = map[string]bool{
	"--data-binary": true, "--data-urlencode": true, "--get": true, // curl
	"--build": true, "--ignore-missing": true, "--now": true, // docker, sha256sum, systemctl
	"--long-flags": true, "--probe": true, "tutti_plain": true,
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(root + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// unique are the matches of a pattern, each once.
func unique(pattern, text string) []string {
	all := regexp.MustCompile(pattern).FindAllString(text, -1)
	slices.Sort(all)
	return slices.Compact(all)
}

// wantPlace fails the test unless a link in a page leads somewhere.
func wantPlace(t *testing.T, page, link string) {
	t.Helper()
	if strings.Contains(link, "://") {
		return
	}
	name, anchor, _ := strings.Cut(link, "#")
	if name = path.Join(path.Dir(page), name); strings.HasPrefix(link, "#") {
		name = page
	}
	if _, err := os.Stat(root + name); err != nil {
		t.Errorf("%s links to %s: %v", page, link, err)
		return
	}
	if anchor == "" {
		return
	}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(readFile(t, name), -1) {
		if anchorOf(m[1]) == anchor {
			return
		}
	}
	t.Errorf("%s links to %s: there is no such section", page, link)
}

// anchorOf is what GitHub calls a section.
func anchorOf(title string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		default:
			return -1
		}
	}, strings.ToLower(title))
	return kept
}
