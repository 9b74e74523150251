package secure

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/secure/securetest"
)

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), s)
}

// watched is a pair in files that are looked at all the time.
func watched(t *testing.T, first *securetest.Issued) (p *Pair, cert, key string, log *lines) {
	t.Helper()
	cert, key = first.Files()
	log = &lines{}
	p, err := LoadPair(cert, key, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	p.Watch(2 * time.Millisecond)
	t.Cleanup(p.Close)
	return p, cert, key, log
}

func serves(p *Pair, i *securetest.Issued) bool {
	return bytes.Equal(p.Certificate().Certificate[0], i.Certificate().Certificate[0])
}

func TestANewPairIsServedOnceItsFilesAreThere(t *testing.T) {
	a := securetest.New(t)
	first, second := a.Issue("one.test"), a.Issue("two.test")
	p, cert, key, log := watched(t, first)
	if !serves(p, first) {
		t.Fatal("not even the first one")
	}
	second.Write(cert, key)
	eventually(t, "the new one is served", func() bool { return serves(p, second) })
	eventually(t, "it is logged", func() bool { return log.count("serving a new certificate") > 0 })
	if log.count("serving a new certificate") != 1 || log.count("two.test") != 1 {
		t.Errorf("the log says %s", log.b.String())
	}
	first.Write(cert, key)
	eventually(t, "and back", func() bool { return serves(p, first) })
}

func TestAPairIsFoundBehindLinksThatChange(t *testing.T) {
	a := securetest.New(t)
	first, second := a.Issue("one.test"), a.Issue("two.test")
	dir := t.TempDir()
	for name, i := range map[string]*securetest.Issued{"1": first, "2": second} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		i.Write(filepath.Join(dir, name, "cert"), filepath.Join(dir, name, "key"))
	}
	link := func(to string) {
		_ = os.Remove(filepath.Join(dir, "new"))
		if err := os.Symlink(to, filepath.Join(dir, "new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "now")); err != nil {
			t.Fatal(err)
		}
	}
	link("1")
	p, err := LoadPair(filepath.Join(dir, "now", "cert"), filepath.Join(dir, "now", "key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Watch(2 * time.Millisecond)
	defer p.Close()
	link("2")
	eventually(t, "the new one is served", func() bool { return serves(p, second) })
}

// replace puts a file in name's place at once: whoever looks sees the old one or the new one.
func replace(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func TestABrokenNewPairIsLoggedOnceAndTheOldOneKept(t *testing.T) {
	a := securetest.New(t)
	first, second := a.Issue("one.test"), a.Issue("two.test")
	mixed := &securetest.Issued{Cert: second.Cert, Key: first.Key}
	for what, broken := range map[string]func(t *testing.T, cert, key string){
		"mismatched": func(t *testing.T, cert, _ string) { replace(t, cert, mixed.Cert) },
		"garbage":    func(t *testing.T, cert, _ string) { replace(t, cert, []byte("garbage")) },
		"half":       func(t *testing.T, cert, _ string) { replace(t, cert, first.Cert[:100]) },
		"empty":      func(t *testing.T, _, key string) { replace(t, key, nil) },
		"gone":       func(_ *testing.T, _, key string) { _ = os.Remove(key) },
	} {
		t.Run(what, func(t *testing.T) {
			p, cert, key, log := watched(t, first)
			broken(t, cert, key)
			eventually(t, "it is logged", func() bool { return log.count("the certificate stays as it was") > 0 })
			if !serves(p, first) {
				t.Error("the old one is not served")
			}
			p.look()
			p.look()
			if n := log.count("the certificate stays as it was"); n != 1 {
				t.Errorf("it is logged %d times", n)
			}
			second.Write(cert, key)
			eventually(t, "the next good one is served", func() bool { return serves(p, second) })
		})
	}
}

func TestReloadReadsAtOnce(t *testing.T) {
	a := securetest.New(t)
	first, second := a.Issue("one.test"), a.Issue("two.test")
	cert, key := first.Files()
	p, err := LoadPair(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	second.Write(cert, key)
	if p.Reload(); !serves(p, second) {
		t.Error("the old one is served")
	}
	p.Close()
}

func TestAPairThatCanNotBeReadIsAnErrorThatNamesIt(t *testing.T) {
	a := securetest.New(t)
	i, other := a.Issue("one.test"), a.Issue("two.test")
	cert, key := i.Files()
	_, otherKey := other.Files()
	none := filepath.Join(t.TempDir(), "none")
	check := func(cert, key, want string) {
		t.Helper()
		_, err := LoadPair(cert, key, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	check(none, key, "cannot read the certificate: open "+none)
	check(cert, none, "cannot read the certificate's key: open "+none)
	check(cert, otherKey, "cannot use the certificate "+cert+" with the key "+otherKey+": tls: private key does not match public key")
	check(key, key, "cannot use the certificate "+key)
}

func TestACertificateThatIsNotValidIsServedWithAWarning(t *testing.T) {
	a := securetest.New(t)
	_, _, _, log := watched(t, a.IssueUntil(time.Now().Add(-time.Minute), "old.test"))
	if log.count("the certificate has expired") != 1 {
		t.Error("no warning")
	}
}

func TestRootsAreAtLeastOne(t *testing.T) {
	a := securetest.New(t)
	if roots, err := LoadRoots(a.File()); err != nil || !roots.Equal(a.Roots()) {
		t.Errorf("got %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("# nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadRoots(empty); err == nil || err.Error() != "cannot read certificates: none in "+empty {
		t.Errorf("got %v", err)
	}
	if _, err := LoadRoots(empty + ".not"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestAddressesAreVerifiedWithoutTheirZone(t *testing.T) {
	for host, want := range map[string]string{"server1": "server1", "10.0.0.1": "10.0.0.1", "fe80::1%eth0": "fe80::1", "server1.": "server1."} {
		if got := ClientConfig(host, x509.NewCertPool()).ServerName; got != want {
			t.Errorf("%s is %s, want %s", host, got, want)
		}
	}
}
