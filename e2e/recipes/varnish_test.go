//go:build !race

package recipes

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"tutti/e2e/harness"
)

const site = "www.example.com"

func startVarnish(t *testing.T, vcl string) *server {
	t.Helper()
	addr := harness.FreeAddr(t)
	argv := []string{
		"varnishd", "-F", "-a", addr, "-f", file(t, "default.vcl", vcl), "-n", t.TempDir(), "-s", "malloc,16m",
	}
	if os.Geteuid() == 0 {
		argv = append(argv, "-j", "none") // no change of users, the directory is the test's
	}
	return serve(t, addr, argv...)
}

// family is a process and its children.
func family(t *testing.T, pid int) []int {
	t.Helper()
	all := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range tasks {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for f := range strings.FieldsSeq(string(b)) {
			child, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, family(t, child)...)
		}
	}
	return all
}

func signal(t *testing.T, pids []int, sig syscall.Signal) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
	}
}

// stopped tells whether no thread of a process runs any more: a signal takes its time.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, name := range tasks {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, state, _ := strings.Cut(string(b), ") "); !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return len(tasks) > 0
}

// varnish: a page changes behind three caches that all hold it. A purge through Tutti reaches
// all, one that hung meanwhile and one that was down included.
func varnish(t *testing.T, r *recipe) {
	harness.Needed(t, "varnishd", "varnish")
	harness.Needed(t, "curl", "curl")
	harness.Needed(t, "gcc", "gcc libc6-dev") // Varnish compiles its configuration
	var version atomic.Int64
	version.Store(1)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		fmt.Fprintf(w, "version %d", version.Load())
	}))
	t.Cleanup(app.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(app.URL, "http://"), ":")
	r.call("app.internal", "127.0.0.1")
	r.call(`"8000"`, strconv.Quote(port))
	r.call("192.0.2.10", "127.0.0.1")

	vcl := r.next("vcl")
	caches := make([]*server, 3)
	for i := range caches {
		caches[i] = startVarnish(t, vcl)
		r.call(fmt.Sprintf("cache%d:6081", i+1), caches[i].addr)
	}
	p := r.tutti()
	shows := func(who string, addr string, v int64) {
		t.Helper()
		if got := get(t, "http://"+addr+"/news", [2]string{"Host", site}); got != fmt.Sprintf("version %d", v) {
			t.Errorf("%s shows %q, not version %d", who, got, v)
		}
	}
	all := func(v int64, which ...int) {
		t.Helper()
		for _, i := range which {
			shows(fmt.Sprintf("cache %d", i+1), caches[i].addr, v)
		}
	}
	purge := func(status int) {
		t.Helper()
		a, err := try(t, "PURGE", "http://"+p.Listen+"/news", "", [2]string{"Host", site})
		if err != nil || a.status != status {
			t.Fatalf("a purge is answered %+v, %v, not %d", a, err, status)
		}
	}

	all(1, 0, 1, 2)
	version.Store(2)
	all(1, 0, 1, 2) // they do hold it
	r.call("tutti:8080", p.Listen)
	r.run()
	all(2, 0, 1, 2)

	// One hangs: it keeps the old page, but nobody is shown it, and in the end it is purged.
	hung := family(t, caches[2].PID)
	signal(t, hung, syscall.SIGSTOP)
	harness.Eventually(t, "the cache hangs", func() bool {
		return !slices.ContainsFunc(hung, func(pid int) bool { return !stopped(t, pid) })
	})
	version.Store(3)
	purge(http.StatusAccepted)
	all(3, 0, 1)
	for range 9 {
		shows("Tutti", p.Listen, 3)
	}
	signal(t, hung, syscall.SIGCONT)
	settled(t, p, 2)
	all(3, 0, 1, 2)

	// One is down.
	caches[1].stop()
	version.Store(4)
	purge(http.StatusAccepted)
	all(4, 0, 2)
	caches[1].start()
	settled(t, p, 3)
	all(4, 0, 1, 2)
	for range 9 {
		shows("Tutti", p.Listen, 4)
	}
}
