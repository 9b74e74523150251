package main

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// names is a resolver that knows a few.
type names map[string]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if n[host] == "" {
		return nil, errors.New("no such host")
	}
	var ips []netip.Addr
	for ip := range strings.FieldsSeq(n[host]) {
		ips = append(ips, netip.MustParseAddr(ip))
	}
	return ips, nil
}

func checked(t *testing.T, c *Config, r resolver) string {
	t.Helper()
	var out bytes.Buffer
	if err := c.writeCheck(t.Context(), &out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCheckPrintsTheConfigurationAsFlags(t *testing.T) {
	r := names{"server1": "10.0.0.1", "server2": "10.0.0.2 ::ffff:10.0.0.3 fd00::2", "tutti.example": "192.0.2.1"}
	c := parsed(t, []string{"TUTTI_MAX_CONNS=7", "TUTTI_BACKENDS=x"}, "--check", "--listen=tutti.example:80", "--admin-listen=:8081",
		"--backend=http://Server1,https://server2,[0::1]:8080", "--fanout=GET /it's,/", "--ack=quorum", "--reject-status=400-499")
	golden(t, "testdata/check.txt", checked(t, c, r))
}

func TestCheckNamesWhatCannotBeResolved(t *testing.T) {
	c := parsed(t, nil, "--check", "--backend=server1:80,nowhere:80")
	err := c.writeCheck(t.Context(), &bytes.Buffer{}, names{"server1": "10.0.0.1"})
	var usage *usageError
	if !errors.As(err, &usage) || err.Error() != "--backend=nowhere:80: the name can't be resolved, want one that can" {
		t.Errorf("the error is %v", err)
	}
}

func TestCheckShowsNoToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("SECRETSECRETSECRET"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := checked(t, parsed(t, nil, "--check", "--demo-backends=1", "--admin-token-file="+file), names{})
	if strings.Contains(out, "SECRET") || !strings.Contains(out, "--admin-token-file="+file+"\n") {
		t.Errorf("it prints\n%s", out)
	}
}

func TestWhatCheckPrintsGivesTheSameConfiguration(t *testing.T) {
	for _, args := range []string{
		"--demo-backends=3",
		"--demo-backends=3 --demo-flaky=0 --demo-fail-rate=0.125 --demo-latency=1500ms --demo-listen=[::1]:9000",
		"--listen= --demo-backends=1 --demo-listen=:8080",
		"--backend=https://a,[::1]:99",
		"--backend=http://A,[::1]:99 --balance= --fanout=/x,/y --ack=2 --reject-status=none --success-status=200-299,304",
		"--backend=a:1 --stream-timeout=0 --queue-timeout=0 --shutdown-delay=90m --retry-jitter=0 --retry-max-backoff=2h --max-pending-bytes=1048577 --max-write-size=3KiB",
		"--backend=a:1 --fanout=/it's --admin-listen= --expose-metrics=off --admin-hosts=A.example,b --log-format=json --log-level=debug --client-timeout=119s --idle-timeout=2m1s",
	} {
		first := parsed(t, nil, strings.Fields(args)...)
		var again []string
		for line := range strings.Lines(checked(t, first, names{"a": "10.0.0.1"})) {
			if !strings.HasPrefix(line, "#") {
				again = append(again, shellRead(strings.TrimSuffix(line, "\n")))
			}
		}
		second, err := parseFlags(again, nil)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if !reflect.DeepEqual(first, second) {
			t.Errorf("%s:\n%+v\n%+v", args, first, second)
		}
	}
}

// shellRead is what a shell makes of a word whose quotes are single ones.
func shellRead(word string) string {
	return strings.NewReplacer(`'\''`, "'", "'", "").Replace(word)
}

func TestShellQuoting(t *testing.T) {
	for v, want := range map[string]string{
		"": "", "a,b:/c": "a,b:/c", "GET /x": "'GET /x'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "a\nb": "'a\nb'",
	} {
		if got := shellQuoted(v); got != want {
			t.Errorf("%q is quoted %s, want %s", v, got, want)
		}
	}
}
