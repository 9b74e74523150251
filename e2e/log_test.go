package e2e

import (
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// logged are the log's lines that contain a word.
func logged(p *harness.Process, word string) []string {
	var lines []string
	for line := range strings.Lines(p.Stderr()) {
		if strings.Contains(line, word) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// untilLogged waits for a line with a word: a program that serves may still be saying so.
func untilLogged(t *testing.T, p *harness.Process, word string) {
	t.Helper()
	harness.Eventually(t, "it is logged: "+word, func() bool { return len(logged(p, word)) > 0 })
}

func TestTheLogSaysOnceThatABackendIsGoneAndOnceThatItIsBackAndWhatItIsOwed(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(201, "w"))
	p := start(t, harness.BackendFlag(backends...), "--ack=one", "--retry-base=10ms", "--retry-max-backoff=100ms", "--retry-attempts=0")
	gone := backends[1]
	gone.Stop()
	c := harness.Dial(t, p.Listen)
	const writes = 20
	for range writes {
		wantStatus(t, c.Do("POST", register("x")), 201)
	}
	harness.Eventually(t, "it is said that the backend is down", func() bool {
		return len(logged(p, `msg="backend is down"`)) == 1
	})
	if line := logged(p, `msg="backend is down"`)[0]; !strings.Contains(line, "level=WARN") ||
		!strings.Contains(line, "backend="+gone.Addr+" why=connection_refused no_reads_for=10s") {
		t.Error(line)
	}
	gone.Start()
	harness.Eventually(t, "it is said that the backend is back", func() bool {
		return len(logged(p, `msg="backend is back"`)) == 1
	})
	line := logged(p, `msg="backend is back"`)[0]
	owed := regexp.MustCompile(`level=INFO .* backend=` + gone.Addr + ` down_for=\S+ owed=(\d+) parked=0$`).FindStringSubmatch(line)
	if owed == nil || owed[1] == "0" {
		t.Error(line)
	}
	harness.Eventually(t, "it has every write", func() bool { return gone.Count() >= writes })
	if n := len(logged(p, `msg="backend is`)); n > 4 { // not a line for each of the attempts
		t.Errorf("%d lines of an outage", n)
	}
}

func TestTheLogBeginsWithEachBackendAndWhatIsListenedOn(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 2, harness.Says(200, "ok"))
	p := start(t, harness.BackendFlag(backends...))
	untilLogged(t, p, `msg="listening for operators"`)
	for i, b := range backends {
		if lines := logged(p, "address="+b.Addr); len(lines) != 1 || !strings.Contains(lines[0], "msg=backend number="+string(rune('1'+i))) {
			t.Errorf("of backend %d: %q", i+1, lines)
		}
	}
	if lines := logged(p, `msg="listening for clients" address=`+p.Listen+" "); len(lines) != 1 {
		t.Errorf("of the clients' listener: %q", lines)
	}
	if lines := logged(p, `msg="listening for operators" address=`+p.Admin+" page=http://"+p.Admin+"/"); len(lines) != 1 {
		t.Errorf("of the operators' listener: %q", lines)
	}
	if lines := logged(p, "try:"); len(lines) != 0 {
		t.Errorf("hints without demo backends: %q", lines)
	}
}

// Every line that a demo suggests is pasted into a shell.
func TestWhatTheDemoSuggestsWorks(t *testing.T) {
	t.Parallel()
	needed(t, "curl")
	p := start(t, "--demo-backends=3", "--demo-flaky=1", "--demo-fail-rate=0.2")
	untilLogged(t, p, "look: ")
	for i, want := range []string{"demo=server1", "demo=server2", "demo=server3 drops_writes=20%"} {
		if lines := logged(p, "msg=backend number="+string(rune('1'+i))); len(lines) != 1 || !strings.HasSuffix(lines[0], want) {
			t.Errorf("of backend %d: %q", i+1, lines)
		}
	}
	answers := []string{"logged in on server1", "registered on server1", "password changed on server1", `"digest"`}
	hints := logged(p, "try: curl")
	if len(hints) != len(answers) {
		t.Fatalf("suggested: %q", hints)
	}
	for i, line := range hints {
		_, hint, _ := strings.Cut(line, "try: ")
		hint = strings.TrimSuffix(hint, `"`)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", hint).Output()
		if err != nil || !strings.Contains(string(out), answers[i]) {
			t.Errorf("%s: %v: %q", hint, err, out)
		}
	}
	_, port, _ := net.SplitHostPort(p.Admin)
	if lines := logged(p, "look: http://127.0.0.1:"+port+"/ in a browser"); len(lines) != 1 {
		t.Errorf("of the page: %q", lines)
	}
}
