package admin

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// pageText is every file of the page.
func pageText(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(pageFiles, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := pageFiles.ReadFile(name)
		all[path.Base(name)] = string(text)
		return err
	})
	if err != nil || len(all) < 5 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	return all
}

func TestThePageIsServedWithAStrictPolicy(t *testing.T) {
	f := start(t, setup{token: token, offLoopback: true}) // reading needs no token
	for name, text := range pageText(t) {
		target := "/-/page/" + name
		if name == "index.html" {
			target = "/"
		}
		for _, method := range []string{"GET", "HEAD"} {
			got := f.do(method, target)
			checkAnswer(t, method, got)
			if got.StatusCode != 200 || method == "GET" && got.text != text {
				t.Errorf("%s %s: %d, %d bytes", method, target, got.StatusCode, len(got.text))
			}
			if kind := got.Header.Get("Content-Type"); kind == "" || kind != pageTypes[path.Ext(name)] {
				t.Errorf("%s comes as %q", target, kind)
			}
			policy := got.Header.Get("Content-Security-Policy")
			for _, want := range []string{
				"default-src 'none';", "script-src 'self';", "style-src 'self';", "connect-src 'self';",
				"frame-ancestors 'none';", "base-uri 'none';", "form-action 'none';", "require-trusted-types-for 'script'",
			} {
				if !strings.Contains(policy, want) {
					t.Errorf("%s: no %s in %q", target, want, policy)
				}
			}
			if strings.Contains(policy, "unsafe") {
				t.Errorf("%s: %q", target, policy)
			}
		}
	}
}

// What a policy would refuse, or would have to allow.
var foreign = regexp.MustCompile(`(?i)https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\bstyle=|\son[a-z]+=|javascript:|url\(|@import`)

func TestThePageNeedsNothingFromElsewhereAndMakesNoMarkup(t *testing.T) {
	files := pageText(t)
	for name, text := range files {
		text = strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "")
		if found := foreign.FindString(text); found != "" {
			t.Errorf("%s has %q", name, found)
		}
	}
	referred := map[string]bool{"index.html": true}
	for _, m := range regexp.MustCompile(`(?:src|href)="-/page/([^"]+)"`).FindAllStringSubmatch(files["index.html"], -1) {
		referred[m[1]] = true
	}
	for _, text := range files {
		for _, m := range regexp.MustCompile(`from '\./([^']+)'`).FindAllStringSubmatch(text, -1) {
			referred[m[1]] = true
		}
	}
	for name := range referred {
		if files[name] == "" {
			t.Errorf("%s is used and not there", name)
		}
	}
	for name := range files {
		if !referred[name] {
			t.Errorf("nothing uses %s", name)
		}
	}
}

func TestEveryElementTheScriptsAskForIsThere(t *testing.T) {
	files := pageText(t)
	for name, text := range files {
		for _, m := range regexp.MustCompile(`byId\('([^']+)'\)`).FindAllStringSubmatch(text, -1) {
			if !strings.Contains(files["index.html"], `id="`+m[1]+`"`) {
				t.Errorf("%s asks for #%s", name, m[1])
			}
		}
	}
}
