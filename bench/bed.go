package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bed is what a measurement runs on: the backends, the proxies, a directory for their files.
type bed struct {
	ctx      context.Context
	dir      string
	o        options
	begun    time.Time
	machine  machine
	wrong    []error // answers that were not as they should be
	module   string  // the module's directory
	commit   string  // of the module, when the binary was built
	binary   string  // Tutti
	backends []*server

	reverseProxy string // net/http's, the binary
	running      []*process
}

// server is a program that listens: a backend or a proxy.
type server struct {
	*process
	label string
	addr  string
	admin string // Tutti's admin listener
}

// need is a program or a part of one that has to be there.
type need struct {
	what, debian string
	missing      func() bool
}

func noCommand(name string) func() bool {
	return func() bool { _, err := exec.LookPath(name); return err != nil }
}

const (
	luaModule = "/usr/lib/nginx/modules/ngx_http_lua_module.so"
	ndkModule = "/usr/lib/nginx/modules/ndk_http_module.so"
	python    = "/usr/bin/python3" // Debian's, which is where its aiohttp is
)

func (b *bed) needs() []need {
	ns := []need{
		{"wrk", "wrk", noCommand("wrk")},
		{"nginx", "nginx-light", noCommand("nginx")},
	}
	p := b.o.plan()
	if len(p.syscalls) > 0 {
		ns = append(ns, need{"strace", "strace", noCommand("strace")})
	}
	if b.o.soak > 0 || len(p.comparisons)+len(p.syscalls) == 0 {
		return ns
	}
	return append(
		ns,
		need{"haproxy", "haproxy", noCommand("haproxy")},
		need{"nginx's lua module", "libnginx-mod-http-lua", func() bool { _, err := os.Stat(luaModule); return err != nil }},
		need{"aiohttp for " + python, "python3-aiohttp", func() bool { return exec.Command(python, "-c", "import aiohttp").Run() != nil }},
	)
}

// prepare checks that everything is there, builds Tutti and starts the backends.
func (b *bed) prepare() error {
	if runtime.GOOS != "linux" {
		return errors.New("CPU time and memory are read from Linux's /proc, which is not here")
	}
	if err := lacking(b.needs()); err != nil {
		return err
	}
	if err := raiseFiles(); err != nil {
		return err
	}
	var err error
	if b.machine, err = beginMachine(); err != nil {
		return err
	}
	if err := b.build(); err != nil {
		return err
	}
	b.machine.commit = b.commit
	if err := writeBodies(b.bodies()); err != nil {
		return err
	}
	return b.addBackends(b.o.backends)
}

// lacking is an error that says what is missing and how to install it.
func lacking(needs []need) error {
	var what, packages []string
	for _, n := range needs {
		if n.missing() {
			what, packages = append(what, n.what), append(packages, n.debian)
		}
	}
	if what == nil {
		return nil
	}
	return fmt.Errorf("missing: %s; on Debian: apt-get install -y --no-install-recommends %s",
		strings.Join(what, ", "), strings.Join(packages, " "))
}

// elapsed is how long we have been at it.
func (b *bed) elapsed() time.Duration { return time.Since(b.begun) }

// bodies is the directory of the answers that have a size.
func (b *bed) bodies() string { return filepath.Join(b.dir, "bodies") }

// addBackends starts n more.
func (b *bed) addBackends(n int) error {
	for range n {
		s, err := b.startBackend(len(b.backends))
		if err != nil {
			return err
		}
		b.backends = append(b.backends, s)
	}
	return nil
}

func (b *bed) build() error {
	out, err := exec.CommandContext(b.ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("cannot find the module's directory: %w", err)
	}
	b.module = strings.TrimSpace(string(out))
	b.reverseProxy = filepath.Join(b.dir, "reverseproxy")
	if err := b.goBuild(b.reverseProxy, "./bench/reverseproxy"); err != nil {
		return err
	}
	if b.o.tutti != "" {
		b.commit = "unknown, the binary was given: " + version(b.o.tutti, "--version")
		b.binary, err = filepath.Abs(b.o.tutti)
		return err
	}
	b.binary = filepath.Join(b.dir, "tutti")
	b.commit = commit(b.module)
	return b.goBuild(b.binary, ".")
}

func (b *bed) goBuild(into, what string) error {
	build := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-o", into, what)
	build.Dir = b.module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build %s: %w: %s", what, err, out)
	}
	return nil
}

// launch starts a program that is to listen on addr and remembers to stop it.
func (b *bed) launch(label, addr string, env []string, argv ...string) (*server, error) {
	p, err := start(b.ctx, label, addr, env, argv...)
	if err != nil {
		return nil, err
	}
	b.running = append(b.running, p)
	return &server{process: p, label: label, addr: addr}, nil
}

// file writes a configuration and returns its path.
func (b *bed) file(name, text string) (string, error) {
	name = filepath.Join(b.dir, name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("cannot write a configuration: %w", err)
	}
	return name, nil
}

// stop ends what was started, the last first.
func (b *bed) stop() {
	for _, p := range slices.Backward(b.running) {
		p.stop()
	}
	b.running = nil
}

// check asks s once for w and wants the right answer, so that nobody is measured refusing.
func (b *bed) check(s *server, w work) error {
	req, err := http.NewRequestWithContext(b.ctx, w.method, "http://"+s.addr+w.path, strings.NewReader(w.body()))
	if err != nil {
		return fmt.Errorf("cannot ask %s: %w", s.label, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("cannot ask %s: %w", s.label, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("cannot read the answer of %s: %w", s.label, err)
	}
	if resp.StatusCode != w.status || !w.right(body) {
		return fmt.Errorf("%s answers %s %s with %s %.40q, not with %d and a backend's body",
			s.label, w.method, w.path, resp.Status, body, w.status)
	}
	return nil
}

// served is how many requests these backends have answered so far.
func (b *bed) served(backends []*server) (int64, error) {
	var n int64
	for _, s := range backends {
		text, err := b.get("http://" + s.addr + "/stub_status")
		if err != nil {
			return 0, err
		}
		// The third line is " accepts handled requests", as numbers.
		lines := strings.Split(text, "\n")
		if len(lines) < 3 {
			return 0, errors.New("cannot parse a backend's status")
		}
		f := strings.Fields(lines[2])
		if len(f) != 3 {
			return 0, errors.New("cannot parse a backend's status")
		}
		k, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("cannot parse a backend's status: %w", err)
		}
		n += k
	}
	return n, nil
}

func (b *bed) get(url string) (string, error) {
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("cannot get %s: %w", url, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("cannot get %s: %w", url, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	if err != nil {
		return "", fmt.Errorf("cannot get %s: %w", url, err)
	}
	return string(body), nil
}
