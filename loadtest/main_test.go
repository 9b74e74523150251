package main

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestALoadTestIsGoodAndItsReportWhole runs the command, short.
func TestALoadTestIsGoodAndItsReportWhole(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "report.html")
	var out, errs strings.Builder
	code := run(t.Context(), []string{"-duration=4s", "-freeze=1s", "-reads=100", "-writes=50", "-o", report}, &out, &errs)
	if code != 0 || errs.Len() > 0 {
		t.Fatalf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
	for _, want := range []string{"ok    Every write is on every backend: 200 accepted, 200 confirmed", "ok    All backends agree"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not print %q:\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "owed"); n < 3 {
		t.Errorf("it shows its progress %d times", n)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if n := strings.Count(text, "<svg "); n != 8 || strings.Count(text, "</svg>") != n {
		t.Errorf("%d charts", n)
	}
	for _, outside := range []string{"src=", "href=", "url(", "<script", "@import", "NaN", "Inf"} {
		if strings.Contains(text, outside) {
			t.Errorf("the report has %q in it", outside)
		}
	}
	if !strings.Contains(text, "Good: every write") || !strings.Contains(text, `class="frozen"`) {
		t.Errorf("the report lacks the verdict or the time a backend hung")
	}
}

// TestAWriteBehindTuttisBackIsFound: a backend that has one more is not like the others.
func TestAWriteBehindTuttisBackIsFound(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-duration=1s", "-freeze=0"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	b, err := startBed(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.stop()
	r := newRecording(b.names)
	drive(t.Context(), o, b.listen, r)
	resp, err := http.PostForm("http://"+b.addrs[1]+"/register", url.Values{"username": {"user1"}, "password": {"x"}})
	if err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("%v, %v", resp, err)
	}
	_ = resp.Body.Close()
	settled := b.settle(o.settle)
	states, err := b.states()
	if err != nil {
		t.Fatal(err)
	}
	last, err := b.scrape()
	if err != nil {
		t.Fatal(err)
	}
	r.sampled(last)
	v := judge(outcome{recording: r, states: states, last: last, settled: settled})
	var bad []string
	for _, c := range v.Checks {
		if !c.Good {
			bad = append(bad, c.What)
		}
	}
	if got := strings.Join(bad, "; "); got != "Every write is on every backend; All backends agree" {
		t.Errorf("the verdict finds bad: %s", got)
	}
}

// interrupter ends the test when it has shown its progress for the third time.
type interrupter struct {
	strings.Builder
	lines  int
	cancel func()
}

func (i *interrupter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "owed") {
		if i.lines++; i.lines == 3 {
			i.cancel()
		}
	}
	return i.Builder.Write(p)
}

func TestAnInterruptedTestStillReports(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	report := filepath.Join(t.TempDir(), "report.html")
	out := &interrupter{cancel: cancel}
	var errs strings.Builder
	if code := run(ctx, []string{"-duration=10m", "-o", report}, out, &errs); code != 0 || !strings.Contains(out.String(), "interrupted") {
		t.Errorf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
	if _, err := os.Stat(report); err != nil {
		t.Error(err)
	}
}

func TestWrongFlagsAreOneLine(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-freeze=20s"}, {"-duration=0s"}, {"-backends=1"}, {"-fail-rate=1"}, {"-flaky=4"}, {"somewhere"}, {"-reads=0"},
	} {
		var errs strings.Builder
		if code := run(t.Context(), args, &errs, &errs); code != 2 || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%v: exit code %d, %s", args, code, errs.String())
		}
	}
}
