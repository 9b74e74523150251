package demo

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func TestEachRequestIsOneLineWithoutSecrets(t *testing.T) {
	var log bytes.Buffer
	g, err := Start(Options{Count: 1, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	addr := g.Addrs()[0]
	c := client(t)
	ask(t, c, "POST", addr, "/register", "", account("schef", "hunter2"))
	ask(t, c, "GET", addr, "/login?password=hunter2", "", nil)
	ask(t, c, "GET", addr, "/a%0ab%1b%c3%a4", "", nil)
	ask(t, c, "GET", addr, "/"+strings.Repeat("x", 5000), "", nil)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^\S+Z server1 POST /register 201
\S+Z server1 GET /login 200
\S+Z server1 GET /a\\x0ab\\x1b\\xc3\\xa4 404
\S+Z server1 GET /x{119}\.\.\. 404
$`)
	if !want.Match(log.Bytes()) {
		t.Errorf("the log is\n%s", log.Bytes())
	}
	for _, secret := range []string{"hunter2", "schef"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// stuck is a writer that takes nothing until it is let go.
type stuck struct {
	begun, release chan struct{}

	once sync.Once
	mu   sync.Mutex
	got  bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.begun) })
	<-s.release
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(p)
}

func TestAStuckLogHoldsNoRequestAndSaysWhatItLost(t *testing.T) {
	w := &stuck{begun: make(chan struct{}), release: make(chan struct{})}
	g, err := Start(Options{Count: 1, Log: w})
	if err != nil {
		t.Fatal(err)
	}
	c := client(t)
	l := g.log
	ask(t, c, "GET", g.Addrs()[0], "/", "", nil)
	<-w.begun // what comes from here on waits
	l.mu.Lock()
	l.lines = append(l.lines, bytes.Repeat([]byte("-\n"), maxLogged)...)
	l.mu.Unlock()
	for range 5 {
		if status, _ := ask(t, c, "GET", g.Addrs()[0], "/login", "", nil); status != 200 {
			t.Errorf("it answers %d", status)
		}
	}
	close(w.release)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if got := w.got.String(); !strings.HasSuffix(got, "5 requests were not logged, the log is too slow\n") || strings.Contains(got, "/login") {
		t.Errorf("the log ends in %q", got[max(0, len(got)-200):])
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestABrokenLogIsReportedWhenTheGroupCloses(t *testing.T) {
	g, err := Start(Options{Count: 1, Log: broken{}})
	if err != nil {
		t.Fatal(err)
	}
	ask(t, client(t), "GET", g.Addrs()[0], "/", "", nil)
	if err := g.Close(); err == nil || !strings.Contains(fmt.Sprint(err), "cannot write the demo backends' log: no space") {
		t.Errorf("closing gives %v", err)
	}
}
