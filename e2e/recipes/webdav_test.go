//go:build !race

package recipes

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tutti/e2e/harness"
)

// tree is every file below a directory with what is in it.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// webdav: six clients upload, replace and delete the same few files while one server is stopped
// and started. Each is answered, and in the end the three directories are the same.
func webdav(t *testing.T, r *recipe) {
	harness.Needed(t, "nginx", "nginx-light")
	harness.Needed(t, "curl", "curl")
	r.call("192.0.2.10", "127.0.0.1")
	r.call("listen 8000", "listen ADDRESS")
	r.call("/srv/files", "DIRECTORY")
	conf := r.next("nginx")
	servers, dirs := make([]*server, 3), make([]string, 3)
	for i := range servers {
		addr := harness.FreeAddr(t)
		dirs[i] = t.TempDir()
		servers[i] = startNginx(t, addr, strings.NewReplacer("ADDRESS", addr, "DIRECTORY", dirs[i]).Replace(conf))
		r.call(fmt.Sprintf("files%d:8000", i+1), addr)
	}
	p := r.tutti()
	report := file(t, "report.pdf", "%PDF-1.7 of a sort\n")
	r.call("-T report.pdf", "-T "+report)
	r.call("tutti:8080", p.Listen)
	if got := r.run(); got != "%PDF-1.7 of a sort\n" {
		t.Errorf("the recipe's commands print %q", got)
	}
	if files := tree(t, dirs[0]); len(files) != 0 {
		t.Errorf("deleted, but there: %v", files)
	}

	const clients, each = 6, 60
	phase := func(n uint64) (wait func()) {
		var wg sync.WaitGroup
		for c := range clients {
			dice := rand.New(rand.NewPCG(n, uint64(c)))
			wg.Go(func() {
				for i := range each {
					change(t, p, dice, fmt.Sprintf("change %d of client %d in phase %d", i, c, n))
				}
			})
		}
		return wg.Wait
	}
	wait := phase(1)
	servers[2].stop()
	wait()
	if owed(t, p, servers[2]) == 0 {
		t.Error("the server that is down is owed nothing")
	}
	wait = phase(2)
	servers[2].start()
	wait()
	settled(t, p, 2+2*clients*each)

	first := tree(t, dirs[0])
	if len(first) == 0 {
		t.Error("there are no files")
	}
	for i, dir := range dirs[1:] {
		other := tree(t, dir)
		for name, text := range first {
			if other[name] != text {
				t.Errorf("%s: server %d has %.40q, server 1 %.40q", name, i+2, other[name], text)
			}
		}
		if len(other) != len(first) {
			t.Errorf("server %d has %d files, server 1 %d", i+2, len(other), len(first))
		}
	}
	for name, text := range first {
		if got := get(t, "http://"+p.Listen+name); got != text {
			t.Errorf("%s is served as %.40q", name, got)
		}
	}
}

// change uploads or deletes one of a few files.
func change(t *testing.T, p *harness.Process, dice *rand.Rand, text string) {
	url := "http://" + p.Listen + "/folder/" + strconv.Itoa(dice.IntN(7))
	method, body := http.MethodPut, text+strings.Repeat(" ", dice.IntN(20_000))
	if dice.IntN(4) == 0 {
		method, body = http.MethodDelete, ""
	}
	a, err := try(t, method, url, body)
	switch {
	case err == nil && (a.status == http.StatusCreated || a.status == http.StatusNoContent):
	case err == nil && method == http.MethodDelete && a.status == http.StatusNotFound:
	default:
		t.Errorf("%s: %+v, %v", method, a, err)
	}
}
