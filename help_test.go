package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/pflag"
)

func TestHelpIsGroupedAndFits100Columns(t *testing.T) {
	text := helpText()
	golden(t, "testdata/help.txt", text)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n := utf8.RuneCountInString(line); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("blanks at the end of %q", line)
		}
	}
}

func TestHelpNamesEveryFlagOfTheContractAndNoOther(t *testing.T) {
	want := strings.Fields(`listen admin-listen admin-hosts admin-token-file expose-metrics tls-cert tls-key trusted-proxies
		backend backend-ca balance fanout dial-timeout backend-timeout stream-timeout max-conns queue-timeout idle-conn-timeout
		read-tries eject-after eject-for health-path health-interval health-timeout health-rise health-fall
		success-status reject-status ack ack-timeout order-by journal journal-max-size forget max-pending max-pending-bytes idempotency-window
		retry-attempts retry-base retry-max-backoff retry-jitter
		max-write-size max-header-size client-timeout idle-timeout max-clients shutdown-delay shutdown-timeout
		demo-backends demo-flaky demo-fail-rate demo-latency demo-listen access-log access-log-format log-format log-level check version help`)
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^  --([a-z-]+)`).FindAllStringSubmatch(helpText(), -1) {
		got = append(got, m[1])
	}
	if !slices.Equal(got, want) {
		t.Errorf("help names %q,\nwant %q", got, want)
	}
}

func TestEveryFlagSaysWhatItIsFor(t *testing.T) {
	newFlags(&Config{}).set.VisitAll(func(f *pflag.Flag) {
		if f.Usage == "" {
			t.Errorf("--%s says nothing", f.Name)
		}
		if f.NoOptDefVal == "" && f.Value.Type() == "" {
			t.Errorf("--%s has no word for its value", f.Name)
		}
	})
}

// The README's table stands between these lines.
const (
	tableBegin = "<!-- flags: written by go test . -update -->\n"
	tableEnd   = "<!-- end of flags -->\n"
)

func TestTheREADMEsTableIsTheFlags(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Skip("there is no README yet")
	}
	before, rest, ok := strings.Cut(string(readme), tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("README.md lacks the lines %q and %q", tableBegin, tableEnd)
	}
	golden(t, "README.md", before+tableBegin+flagTable()+tableEnd+after)
}

func TestTheTableHasARowForEachFlag(t *testing.T) {
	table := flagTable()
	for _, row := range []string{
		"| `--listen` | `:8080` | where clients connect; empty: no proxy, demo backends only |\n",
		"| `--retry-max-backoff` | `64s` | cap of the wait, before jitter |\n",
		"| `--check` |  | validate the flags, resolve and print the configuration, exit |\n",
	} {
		if !strings.Contains(table, row) {
			t.Errorf("the table lacks %s", row)
		}
	}
	for line := range strings.Lines(table) {
		if cells := strings.Count(line, "|") - strings.Count(line, `\|`); cells != 4 {
			t.Errorf("%d bars in %s", cells, line)
		}
	}
}

func TestVersionIsOneLine(t *testing.T) {
	if got := versionText(); !regexp.MustCompile(`^tutti \S+ go\S+ [a-z]+/[a-z0-9]+\n$`).MatchString(got) {
		t.Errorf("the version is %q", got)
	}
}
